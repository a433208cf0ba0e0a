"""Figures are written in a font that has the characters of the language, and English ones in the one they had."""

import io
import os
import subprocess
import sys
import warnings

import d2lhelpers as dh
from d2lhelpers import fonts

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def english_afterwards():
    yield
    dh.set_language("en")
    plt.close("all")
    mpl.rcdefaults()


def png(title):
    """Draw words and formulas, and numbers on both scales; return the PNG. A character that is missing is an error."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4), layout="constrained")
    left.plot([-1, 1], [-1e-3, 1e-3], label="λ = −1.5, 8×8 m²")
    left.set_title(title)
    left.legend()
    right.loglog([1e-3, 1], [1e-8, 1], label=rf"$\lambda$, $-\frac{{1}}{{n}} \ln L(\theta)$, {title}")
    right.set_title(rf"{title}: $\sigma$ = $-1$")
    right.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = io.BytesIO()
        figure.savefig(file, metadata={"Software": None})
    plt.close(figure)
    return file.getvalue()


def test_chinese_is_written_and_english_looks_as_before():
    before = png("The loss falls")
    dh.set_language("zh")
    assert mpl.rcParams["font.family"] == ["Noto Sans SC", "DejaVu Sans"]
    chinese = png("损失下降：“平均”，1 − 2")
    assert png("The loss falls") not in (before, chinese)
    dh.set_language("en")
    assert mpl.rcParams["font.family"] == ["sans-serif"]
    assert png("The loss falls") == before
    with pytest.raises(UserWarning, match=r"Glyph \d+ .* missing from font"):
        png("损失下降")


def test_a_minus_is_a_minus():
    dh.set_language("zh")
    figure, ax = plt.subplots()
    ax.plot([-1, 1], [-1, 1])
    figure.canvas.draw()
    assert mpl.rcParams["axes.unicode_minus"]
    assert "−" in ax.get_xticklabels()[0].get_text()
    assert ord("−") in fonts.sys.modules["matplotlib.font_manager"].get_font(fonts._path).get_charmap()


def test_the_font_that_was_chosen_before_comes_back():
    mpl.rcParams["font.family"] = ["monospace"]
    for name in ("zh", "zh", "en", "en"):
        dh.set_language(name)
    assert mpl.rcParams["font.family"] == ["monospace"]
    dh.set_language("zh")
    dh.set_language("en")
    assert mpl.rcParams["font.family"] == ["monospace"]


def test_the_font_is_registered_once():
    for name in ("zh", "en", "zh"):
        dh.set_language(name)
    names = [font.name for font in mpl.font_manager.fontManager.ttflist if font.fname == str(fonts._path)]
    assert names == ["Noto Sans SC"]


def python(code, language=""):
    """Return what a Python of its own prints, in a language that the environment names; warnings are errors in it."""
    command = [sys.executable, "-c", code]
    env = {**os.environ, "D2L_LANGUAGE": language, "MPLBACKEND": "agg"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout


FAMILY = "import matplotlib as mpl; print(mpl.rcParams['font.family'])"
CHINESE, ENGLISH = "['Noto Sans SC', 'DejaVu Sans']\n", "['sans-serif']\n"


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ("import d2lhelpers as dh; dh.set_language('zh'); import matplotlib.pyplot", "", CHINESE),
        ("import d2lhelpers as dh, matplotlib; dh.set_language('zh'); import matplotlib.figure", "", CHINESE),
        (
            "import d2lhelpers as dh; dh.set_language('zh'); dh.set_language('en'); import matplotlib.pyplot",
            "",
            ENGLISH,
        ),
        ("from d2lhelpers.figures import chapter07", "zh", CHINESE),
        ("from d2lhelpers.figures import chapter01; import d2lhelpers as dh; dh.set_language('en')", "zh", ENGLISH),
    ],
)
def test_the_font_comes_with_the_language_in_any_order(code, language, expected):
    assert python(f"{code}; {FAMILY}", language) == expected


@pytest.mark.parametrize("language", ["zh", "en"])
def test_choosing_a_language_does_not_import_matplotlib(language):
    code = f"import sys, d2lhelpers as dh; dh.set_language({language!r}); print('matplotlib' in sys.modules)"
    assert python(code, language) == "False\n"


def test_no_font_is_registered_for_english():
    code = "import d2lhelpers as dh, matplotlib.font_manager as fonts; dh.set_language('en'); "
    assert python(code + "print([font.fname for font in fonts.fontManager.ttflist if 'd2lhelpers' in font.fname])") == (
        "[]\n"
    )
