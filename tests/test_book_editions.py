"""The editions of the book are one but for their words, and no word of a page is left untranslated."""

import ast
import doctest
import io
import json
import re
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
sys.path.append(str(ROOT / "tools"))
sys.path.append(str(BOOK))

import chapters  # noqa: E402
import editions  # noqa: E402
import parity  # noqa: E402
import tables  # noqa: E402

OTHERS = [name for name in editions.LANGUAGES if name != "en"]
PAGES = sorted(path.name for path in BOOK.glob("*.md"))
CATALOGUES = {
    name: read_po(io.BytesIO((BOOK / "locale" / language / "LC_MESSAGES" / "sphinx.po").read_bytes()))
    for name, language in editions.LANGUAGES.items()
    if name != "en"
}

all_others = pytest.mark.parametrize("name", OTHERS)
all_twins = pytest.mark.parametrize(("name", "page"), [(name, page) for name in OTHERS for page in PAGES])


def text(*parts):
    return BOOK.joinpath(*parts).read_text(encoding="utf-8")


def blocks(page):
    """Return the blocks of code and the directives of a page: what they are called, and what stands in them."""
    return re.findall(r"^ *(?:```|:::)(\S+)(.*?)^ *(?:```|:::)$", page, re.MULTILINE | re.DOTALL)


def differences(english, other):
    """Return what differs between two pages besides their words."""
    found = parity.prose_differences(english, other)
    for what, pattern in (
        ("places of the list", r"^\{\{.*?\}\}$"),
        ("directives", r"^ *(?:```|:::)\S*"),
        ("included files", r"^ *```\{include\} (.*)$"),
        ("files to download", r'href="(?:\.\./)?(.*?)"'),
        ("items of lists", r"^ *(-|\d+\.) "),
    ):
        one, two = (re.findall(pattern, page, re.MULTILINE) for page in (english, other))
        found += [] if one == two else [f"{what}: {one} and {two}"]
    for (kind, one), (_, two) in zip(blocks(english), blocks(other), strict=False):
        if not kind.startswith("{"):  # what is typed or copied; comments have words, and captions of directives, too
            one, two = (re.sub(r"#.*", "", code) for code in (one, two))
        elif "toctree" in kind:
            one, two = (re.sub(r":caption:.*", "", code) for code in (one, two))
        else:
            continue
        found += [] if one == two else [f"{kind}: {one!r} and {two!r}"]
    return found


@all_others
def test_each_page_has_a_twin(name):
    assert sorted(path.name for path in (BOOK / name).glob("*.md")) == PAGES


@all_twins
def test_page_and_its_twin_are_one(name, page):
    assert differences(text(page), text(name, page)) == []


@all_twins
def test_no_paragraph_of_a_twin_is_left_in_english(name, page):
    prose = re.sub(r"^ *```.*?^ *```$", "", text(name, page), flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^\{\{.*?\}\}$|^\(.*\)=$|^:\w+:.*$|^:::$", "", prose, flags=re.MULTILINE)
    paragraphs = [part for part in re.split(r"\n\s*\n|\n(?=\||- )", prose) if part.strip()]
    assert len(paragraphs) > 2
    names = {"# Windows", "## Windows", "## macOS", "## Google Colab", "## GPU"}
    english = [part.strip() for part in paragraphs if not re.search(r"[\u4e00-\u9fff]", part)]
    assert [part for part in english if part not in names and not re.match(r"\| (---|[\d.]+ \|)", part)] == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("330 s", "340 s", "numbers"),
        ("(install.md)", "(teaching.md)", "links"),
        ("`make run`", "`make lab`", "code"),
        ("## Without a browser", "### Without a browser", "headings"),
        ("actions/checkout@v4", "actions/checkout@v5", "fenced text"),
        ("permissions:", "permits:", "yaml"),
        ("-m pytest notebooks\n", "-m unittest notebooks\n", "sh"),
        ("| `make run` | every cell", "`make run` | every cell", "rows of tables"),
        ("- Figures are", "Figures are", "items of lists"),
    ],
)
def test_change_of_one_page_is_noticed(old, new, what):
    english = text("checks.md")
    assert old in english
    found = differences(english.replace(old, new, 1), text("zh", "checks.md"))
    assert any(difference.startswith(f"{what}:") for difference in found), found


def test_change_of_a_directive_is_noticed():
    english, other = text("index.md"), text("zh", "index.md")
    for old in ("{{ chapters }}\n", "```{include} get.md", "teaching\n", ":glob:\n"):
        assert old in english
        assert differences(english.replace(old, "", 1), other) != []
    assert differences(text("get.md").replace('"d2l-chapter3.zip"', '"d2l.zip"'), text("zh", "get.md")) != []


def said():
    """Return the texts that the book adds to its pages, and those that the theme leaves untranslated."""
    texts = [*chapters.SECTIONS.values()]
    for path in BOOK.glob("*.py"):
        texts += [message for _, message, _, _ in extract_from_file("python", path, {"_": None, "translate": None})]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "UNTRANSLATED":
                texts += [word for _, word in ast.literal_eval(node.value)]
    for path in (BOOK / "_templates").glob("*.html"):
        texts += re.findall(r"\b_\('(.*?)'\)", path.read_text(encoding="utf-8"))
    return texts


def numbers(line):
    return sorted(re.findall(r"\d[\d.]*\d|\{\w+\}", line))


@all_others
def test_every_text_has_a_translation(name):
    catalogue = CATALOGUES[name]
    texts = said()
    assert {"Download notebook", "Figure {number}", "Section 3.3", "Main", "On this page"} <= {*texts}
    for english in texts:
        message = catalogue.get(english)
        assert message, f"{english!r} is not in the catalogue of {name}"
        assert message.string, english
        assert numbers(message.string) == numbers(english)


@all_others
def test_chapter_is_shown_in_its_language(name):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# 感冒\n\n文字。"},
        {"cell_type": "code", "metadata": {}, "outputs": [{"data": {"image/png": "", "text/plain": "<>\n感冒会传染"}}]},
    ]
    source = [json.dumps({"cells": cells})]
    chapters.show(None, "03_colds", source, translate=lambda english: CATALOGUES[name].get(english).string)
    title, figure = json.loads(source[0])["cells"]
    assert title["source"] == "# 03 感冒\n\n{.sections}\n《动手学深度学习》第一版第 3.4 至 3.6 节\n\n文字。"
    assert figure["metadata"]["mystnb"]["figure"]["caption"] == "**图 03.1** [感冒会传染]{.takeaway}"


@pytest.mark.parametrize("module", [chapters, editions, tables])
def test_examples_are_true(module):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
