"""Chinese beside English: the catalogue is complete, and texts follow the language at the time when they are shown."""

import ast
import gettext
import os
import pickle
import re
import string
import subprocess
import sys
from datetime import date
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import Verdict, Wrong, judge
from d2lhelpers.exercises.showing import Shown
from d2lhelpers.language import N_, Text, _, joined, language, languages, width
from d2lhelpers.language.locales import language_of_locale

import pytest
from babel.messages.pofile import read_po
from chinese import english_in, in_chinese
from mxnet import nd

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

import catalogues  # noqa: E402 - the folder of tools has to be named first

TRANSLATIONS = [name for name in languages() if name != "en"]
all_translations = pytest.mark.parametrize("name", TRANSLATIONS)


def file_of(name, suffix):
    return ROOT / "d2lhelpers" / "language" / name / "LC_MESSAGES" / f"d2lhelpers.{suffix}"


def catalogue(name):
    with open(file_of(name, "po"), "rb") as file:
        return read_po(file)


def pairs(name):
    return {message.id: message.string for message in catalogue(name) if message.id}


@pytest.fixture(autouse=True)
def english_afterwards():
    yield
    dh.set_language("en")


# the catalogues


def test_there_is_chinese():
    assert "zh" in TRANSLATIONS
    assert len(pairs("zh")) > 500


@all_translations
def test_every_text_of_the_source_has_its_translation(name):
    translated = catalogue(name)
    texts = [message.id for message in catalogues.collect() if message.id]
    assert list(pairs(name)) == texts, "run make catalogues"
    assert [text for text, translation in pairs(name).items() if not translation] == []
    assert [message.id for message in translated if message.fuzzy] == []
    assert list(translated.obsolete) == []


def test_no_text_of_the_source_is_overlooked():
    """Babel does not look into a call within a call of `_`."""
    calls = [
        node
        for path in (ROOT / "d2lhelpers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_") and node.args
    ]
    texts = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert len(texts) > 500
    assert texts == {message.id for message in catalogues.collect() if message.id}


@all_translations
def test_translations_have_the_fields_of_the_source(name):
    def fields(text):
        return sorted(part[1:] for part in string.Formatter().parse(text) if part[1] is not None)

    assert [(text, to) for text, to in pairs(name).items() if fields(text) != fields(to)] == []


@all_translations
def test_what_is_compiled_is_what_is_written(name):
    with open(file_of(name, "mo"), "rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    del compiled[""]
    assert compiled == pairs(name), "run make catalogues"


@all_translations
def test_a_catalogue_names_no_person_and_no_place_on_a_machine(name):
    text = file_of(name, "po").read_text(encoding="utf-8")
    assert not re.search(r"@|/home|/root|/tmp|/Users", text.replace("neither @ nor dot", "").replace("没有 @", ""))
    assert set(re.findall("^#: (.*)$", text, re.MULTILINE)) <= {
        str(path.relative_to(ROOT)) for path in (ROOT / "d2lhelpers").rglob("*.py")
    } | {line for line in re.findall("^#: (.*)$", text, re.MULTILINE) if " " in line}


def test_chinese_has_no_english_words():
    found = {text: english_in(re.sub(r"\{\w+[^}]*\}", "0", to)) for text, to in pairs("zh").items()}
    assert {text: words for text, words in found.items() if words} == {}


def test_chinese_has_chinese_punctuation():
    """Half-width marks are for code: one between two Chinese characters, or after one at the end, is a slip."""
    slips = [to for to in pairs("zh").values() if re.search(r"[\u4e00-\u9fff] ?[,:;?!]($|[ \u4e00-\u9fff])", to)]
    slips += [to for to in pairs("zh").values() if re.search(r"[\u4e00-\u9fff]\.($|\s)", to)]
    assert slips == []


def test_chinese_has_a_space_between_characters_and_latin_letters_or_digits():
    slips = [
        to for to in pairs("zh").values() if re.search(r"[\u4e00-\u9fff][A-Za-z0-9{]|[A-Za-z0-9)}][\u4e00-\u9fff]", to)
    ]
    assert slips == []


@pytest.mark.parametrize("label", ["tried", "came_out", "expected", "hint"])
def test_labels_are_aligned(label):
    for text, to in pairs("zh").items():
        if f": {{{label}}}" in text and text.startswith("  "):
            columns = [width(line[: line.index("{")]) for line in to.splitlines()]
            assert len(set(columns)) == 1


def test_a_third_language_is_a_folder_more(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    monkeypatch.setattr(catalogues, "LANGUAGES", tmp_path)
    monkeypatch.setattr(sys.modules["d2lhelpers.language"], "_FOLDER", tmp_path)
    catalogues.main()
    count = len(pairs("zh"))
    assert capsys.readouterr().out == f"de: 0 of {count} texts are translated\n"
    assert languages() == ("en", "de")
    dh.set_language("de")
    assert _("at most {limit}") == "at most {limit}"

    path = folder / "d2lhelpers.po"
    empty = 'msgid "at most {limit}"\nmsgstr ""\n'
    text = path.read_text(encoding="utf-8")
    assert empty in text
    assert text.count("-Date: 2026-01-01 00:00+0000") == 2  # so that a run changes nothing else
    path.write_text(text.replace(empty, 'msgid "at most {limit}"\nmsgstr "höchstens {limit}"\n'), encoding="utf-8")
    catalogues.main()
    assert capsys.readouterr().out == f"de: 1 of {count} texts are translated\n"
    dh.set_language("en")
    gettext._translations.clear()  # a catalogue is read once in a process
    dh.set_language("de")
    assert _(N_("at most {limit}", limit=0.5)) == "höchstens 0.5"
    before = path.read_bytes(), path.with_suffix(".mo").read_bytes()
    catalogues.main()
    assert (path.read_bytes(), path.with_suffix(".mo").read_bytes()) == before


# choosing


def test_unknown_languages():
    for name in ("", "tlh", "zh_CN", None, 1):
        with pytest.raises(
            ValueError, match=r"name must be one of 'en', 'zh'.*, but is .*; for example dh\.set_language"
        ):
            dh.set_language(name)
    assert language() == "en"


@pytest.mark.parametrize(("value", "expected"), [("zh", "zh"), ("en", "en"), ("", "en"), (None, "en")])
def test_the_environment_chooses_the_first_language(value, expected):
    assert first_language(value) == (0, expected)


def test_unknown_language_in_the_environment():
    code, message = first_language("tlh")
    assert code
    assert "the environment variable D2L_LANGUAGE must be one of 'en', 'zh', but is 'tlh'" in message


def first_language(value):
    """Return the exit code and the last line of a process that says its language, with this value of D2L_LANGUAGE."""
    env = {name: text for name, text in os.environ.items() if name != "D2L_LANGUAGE"}
    if value is not None:
        env["D2L_LANGUAGE"] = value
    command = [sys.executable, "-c", "import d2lhelpers.language as language; print(language.language())"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()[-1]


@pytest.mark.parametrize("variable", ["LANG", "LC_ALL", "LANGUAGE"])
def test_the_locale_does_not_choose_for_the_notebooks(monkeypatch, variable):
    monkeypatch.setenv(variable, "zh_CN.UTF-8")
    assert first_language(None) == (0, "en")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("", "en"),
        ("LANG=C", "en"),
        ("LANG=zh_CN.UTF-8", "zh"),
        ("LANG=zh_TW", "zh"),
        ("LANG=zh_SG.utf8@pinyin", "zh"),
        ("LANG=zh", "zh"),
        ("LANG=en_US.UTF-8", "en"),
        ("LANG=fr_FR.UTF-8", "en"),
        ("LANG=zh_CN.GBK", "zh"),
        ("LANG=zh_CN.UTF-8 LC_MESSAGES=en_US.UTF-8", "en"),
        ("LANG=en_US.UTF-8 LC_MESSAGES=zh_CN.UTF-8", "zh"),
        ("LANG=en_US.UTF-8 LC_MESSAGES=en_US.UTF-8 LC_ALL=zh_CN.UTF-8", "zh"),
        ("LANG=zh_CN.UTF-8 LC_ALL=C", "en"),
        ("LANG=zh_CN.UTF-8 LC_ALL= LC_MESSAGES=", "zh"),
        ("LANG=en_US.UTF-8 LANGUAGE=zh_CN:zh", "zh"),
        ("LANG=zh_CN.UTF-8 LANGUAGE=en_US:en", "en"),
        ("LANG=zh_CN.UTF-8 LANGUAGE=fr", "zh"),
        ("LANG=en_US.UTF-8 LANGUAGE=fr:zh", "zh"),
        ("LANG=C LANGUAGE=zh", "en"),
        ("LANGUAGE=zh", "en"),
    ],
)
def test_the_language_of_the_locale(variables, expected):
    assert language_of_locale(dict(pair.split("=") for pair in variables.split())) == expected


def test_the_package_is_imported_without_a_catalogue():
    code = "import sys, d2lhelpers; print('d2lhelpers.language' in sys.modules, 'set_language' in dir(d2lhelpers))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


# texts


def test_texts_are_english_strings_that_follow_the_language():
    limit = N_("at most {limit}", limit=0.5)
    for name, expected in (("en", "at most 0.5"), ("zh", "最多 0.5"), ("en", "at most 0.5"), ("zh", "最多 0.5")):
        dh.set_language(name)
        assert limit == "at most 0.5"
        assert _(limit) == expected
    assert isinstance(limit, str)


def test_texts_within_texts_are_translated_and_a_learners_words_are_not():
    dh.set_language("zh")
    assert (
        _(N_("{first} and {second}", first=N_("a single number"), second="a single number"))
        == "一个数、a single number"
    )
    assert _(joined(N_("{first}; or: {second}"), [N_("the half is missing"), "x"])) == "两种可能：① 少了 1/2 ② x"
    assert _(Wrong("", "loss", N_("numbers")).text) == "  你给的：loss\n  应该是：正常的数"


def test_a_text_without_a_translation_is_said_in_english():
    dh.set_language("zh")
    assert _("nobody has translated {this}") == "nobody has translated {this}"
    assert _(N_("nobody has translated {this}", this=N_("a function"))) == "nobody has translated 一个函数"
    assert _("") == ""


def test_texts_can_be_pickled():
    text = pickle.loads(pickle.dumps(N_("{value} at this place", value=N_("a single number"))))
    assert text == "a single number at this place"
    dh.set_language("zh")
    assert _(text) == "这个位置上是 一个数"


def test_width_counts_full_width_characters_twice():
    assert width("准确率 0.9：") == 12


# what is said


def test_one_run_is_shown_in_either_language():
    verdict = judge(find("02.4"), lambda net, trainer, loss, X, y: 0.0)
    shown = Shown("02.4", verdict)
    english = repr(shown)
    dh.set_language("zh")
    assert repr(shown) == (
        "✗ 02.4 还不对\n"
        "  试的是：在 4 个样本的小批量上更新一次，损失函数 L2Loss，学习率 0.1\n"
        "  得到的：参数没有变化\n"
        "  应该是：w 和 b 各自减去学习率乘平均损失的梯度\n"
        "  小提示：backward() 之后有 trainer 的 step 吗？"
    )
    assert "参数没有变化" in shown._repr_html_()
    dh.set_language("en")
    assert repr(shown) == english
    assert "came out: no change of the parameters" in english


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("right", N_("leave out exit()")), "答对了。去掉 exit()"),
        (Verdict("not answered yet"), "还没有作答"),
        (Verdict("not right yet"), "还不对"),
    ],
)
def test_outcomes(verdict, expected):
    assert in_chinese(verdict) == expected


@pytest.mark.parametrize(
    ("number", "answer", "expected"),
    [
        ("01.2", lambda y_hat, y: "0.5", "  得到的：TypeError: 返回的是 str，不是数组或数\n"),
        ("07.4", lambda f, x: f(x[0]) * x, "  得到的：ValueError: f 要的数组形状是 (3,)，不是 (1,)\n"),
        ("01.2", lambda y_hat, y: 1 / 0, "  得到的：ZeroDivisionError: division by zero\n  应该是：不出错\n"),
        (
            "01.6",
            ("a" * 10,) * 10,
            "你给的：aaaaaaaaaa、aaaaaaaaaa、aaaaaaaaaa、aaaaaaaaaa、aaaaaaaaaa、aaa …，类型是 tuple",
        ),
        ("01.6", "b  c" * 30, "cb cb cb cb cb cb cb cb …，类型是 str"),
        ("01.6", 3, "  你给的：3，类型是 int\n  应该是：一个函数\n  小提示：交上函数的名字，不要加括号"),
        ("01.1", "nine", "  你给的：'nine'，类型是 str\n"),
        ("01.1", None, "  你给的：None\n  应该是：函数、数或字母\n"),
        ("01.5", "ax", "  你给的：字母 x\n  应该是：a, b, c, d, e 之中的字母"),
        ("01.5", "a", "选对 1 个，选错 0 个，漏选 2 个\n  应该是：正确的全选，错误的不选\n"),
    ],
)
def test_chinese_verdicts(number, answer, expected):
    dh.set_language("zh")
    assert expected in judge(find(number), answer).text


@pytest.mark.parametrize("answer", ["ace", "a、c 和 e", "a，c，e", "ＡＣＥ", "a与c及e", ["a", "c", "e"]])
def test_letters_may_be_written_as_in_china(answer):
    assert judge(find("01.5"), answer).right


def test_progress_in_chinese(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_PROGRESS", str(tmp_path / "progress.txt"))
    (tmp_path / "progress.txt").write_text("01.1\n01.2\n")
    dh.set_language("zh")
    dh.progress()
    *lines, due = capsys.readouterr().out.splitlines()
    assert lines[0] == "第 01 章  xx....    解出 2 / 6 题；该复习：01.1, 01.2"
    assert due == "该复习    2 题；dh.review() 会问其中一题"
    assert lines[-1] == f"合计      2 / 56 题；记录在 {tmp_path / 'progress.txt'}，删掉它就从头开始"
    places = [width(line[: line.index(what)]) for line, what in ((lines[0], "xx"), (lines[-1], "2 /"), (due, "2 题"))]
    assert places == [10, 10, 10]
    monkeypatch.setenv("D2L_PROGRESS", str(tmp_path))  # a folder
    dh.check("01.1", 9)
    out = capsys.readouterr().out
    assert "✓ 01.1 答对了。" in out
    assert f"（没能记到 {tmp_path} 里：" in out


def test_home_that_is_missing_is_told_in_chinese(capsys, monkeypatch):
    def no_home():
        raise FileNotFoundError("nowhere")

    monkeypatch.delenv("D2L_PROGRESS")
    monkeypatch.setattr(sys.modules["d2lhelpers.exercises.solved"], "home", no_home)
    dh.set_language("zh")
    sys.modules["d2lhelpers.exercises.solved"].add("01.1", date(2026, 3, 1))
    assert capsys.readouterr().out == "（没能记下来：nowhere）\n"


def error_rate(y_hat, y):
    return 1 - dh.accuracy(y_hat, y)


@pytest.mark.parametrize(("metric", "name"), [(dh.accuracy, "准确率"), (error_rate, " error_rate"), (None, "")])
def test_training_in_chinese(metric, name, capsys):
    dh.set_language("zh")
    dh.seed(1)
    W = nd.zeros((2, 3))
    W.attach_grad()
    data = dh.load_array((nd.random.normal(shape=(12, 2)), nd.array([0, 1, 2] * 4, dtype="int32")), 4)
    history = dh.train(
        lambda X: dh.softmax(nd.dot(X, W)),
        data,
        dh.cross_entropy,
        lambda batch_size: dh.sgd([W], 0.1, batch_size),
        num_epochs=2,
        test_iter=data,
        metric=metric,
    )
    value = r"[\d.]+"
    metrics = (f"，{name.strip()} {value}", f"，测试{name} {value}") if metric else ("", "")
    line = f"迭代周期 \\d：损失 {value}{metrics[0]}，测试损失 {value}{metrics[1]}（\\d+\\.\\d{{3}} 秒）"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(line, text) for text in lines), lines
    heading, *rows, speed = str(history).splitlines()
    assert heading.split("  ")[0] == "迭代周期"
    assert heading.split()[1:3] == (["损失", name.strip()] if metric else ["损失", "测试损失"])
    assert {width(row) for row in rows} == {width(heading)}
    assert re.fullmatch(r"[\d,]+ 个样本/秒", speed)
    assert str(dh.History()) == "没有迭代周期"
    assert not english_in(heading)


def test_interrupted_training_in_chinese():
    from d2lhelpers.training.interrupts import explain_interrupt

    assert (
        explain_interrupt(2, True)
        == "interrupted after 2 whole epochs; the parameters are those of the last whole step"
    )
    dh.set_language("zh")
    assert explain_interrupt(2, True) == "完成 2 个迭代周期后中断；参数停在最后做完的一步"
    assert explain_interrupt(2, False) == "完成 2 个迭代周期后中断；最后一步可能没有做完：请重新初始化参数"


# what finds English


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("参数没有变化", []),
        ("写成 nd.dot(X, w)，或者 X.asnumpy()", []),
        ("应该是：numbers", ["numbers"]),
        ("应该是：an array of shape (3,)", ["an", "array", "of", "shape"]),
        ("得到的：ValueError: all is lost", []),
        ("得到的：TypeError: 返回的是 str，not 数组", ["not"]),
        ("提示：y_hat 和 W1 的 axis=1", []),
    ],
)
def test_english_is_found(text, words):
    assert english_in(text) == words
    assert isinstance(N_("text"), Text)
