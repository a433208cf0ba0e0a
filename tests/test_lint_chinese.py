"""What the linter of the Chinese would write, and what it leaves alone; all of ours is as it would write it."""

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import lint_chinese  # noqa: E402


def test_all_of_ours_is_well(capsys):
    assert any(path.suffix == ".po" for path in lint_chinese.files())
    assert lint_chinese.main([]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("学习率lr是0.1,这样,损失会下降.", "学习率 lr 是 0.1，这样，损失会下降。"),
        ("训练10个epoch", "训练 10 个 epoch"),
        ("准确率达到90%以上!", "准确率达到 90% 以上！"),
        ("学习率α要小，权重w₁也要小", "学习率 α 要小，权重 w₁ 也要小"),
        ("见下(第3节)", "见下（第 3 节）"),
        ("小批量(minibatch)梯度", "小批量（minibatch）梯度"),
        ("小批量 (minibatch)梯度", "小批量（minibatch）梯度"),
        ("损失: 0.3", "损失：0.3"),
        ("损失 ，准确率", "损失，准确率"),
        ("ｗ 是权重", "w 是权重"),
        ('答"对"了', "答“对”了"),
        ("第{epoch}个迭代周期,损失{loss:.3f}", "第{epoch}个迭代周期，损失 {loss:.3f}"),
        ("参看 Dive into Deep Learning.", "参看 Dive into Deep Learning。"),
    ],
)
def test_text(text, expected):
    assert lint_chinese.mended(text) == expected
    assert lint_chinese.mended(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("用`f(x,y)`训练", "用 `f(x,y)` 训练"),
        ("当$x_1,x_2$很大时", "当 $x_1,x_2$ 很大时"),
        ("见[第5章](05,a.ipynb)。", "见[第 5 章](05,a.ipynb)。"),
        ("这叫**dropout**吗", "这叫 **dropout** 吗"),
        ("**小批量（minibatch）**是", "**小批量**（minibatch）是"),
        ("这叫**“学习”**吗", "这叫 **“学习”** 吗"),
        ("按<kbd>Shift,a</kbd>,然后", "按<kbd>Shift,a</kbd>，然后"),
        ("| a | 中文b |\n| --- | --- |\n| 1 | 二2 |", "| a | 中文 b |\n| --- | --- |\n| 1 | 二 2 |"),
        ("```{toctree}\n:caption: 第1章\n\na,b\n```\n\n" * 2, "```{toctree}\n:caption: 第 1 章\n\na,b\n```\n\n" * 2),
        ("前一行，\n后一行", "前一行，后一行"),
        ("# 标题\n\n- 第1项\n- 第2项", "# 标题\n\n- 第 1 项\n- 第 2 项"),
        (
            "学习:\n\n```python\nx = '学习,测试'  # 注释a\n```\n\n测试:",
            "学习：\n\n```python\nx = '学习，测试'  # 注释 a\n```\n\n测试：",
        ),
        ("$$\na = \\text{损失,b}\n$$\n\n测试a", "$$\na = \\text{损失,b}\n$$\n\n测试 a"),
    ],
)
def test_markdown(text, expected):
    assert lint_chinese.mended(text, "markdown") == expected
    assert lint_chinese.mended(expected, "markdown") == expected


def test_code():
    source = "\n".join(
        [
            "%matplotlib inline",
            "x = f'损失{loss[\"a,b\"]:.3f},共{n}个\\n'  # 每个x",
            'print("损失,准确率", a,b)',
            '"""学习,\n测试a"""',
            "y = d['a,b']  # English, as it is.",
        ]
    )
    expected = "\n".join(
        [
            "%matplotlib inline",
            "x = f'损失{loss[\"a,b\"]:.3f}，共{n}个\\n'  # 每个 x",
            'print("损失，准确率", a,b)',
            '"""学习，\n测试 a"""',
            "y = d['a,b']  # English, as it is.",
        ]
    )
    assert lint_chinese.mended(source, "code") == expected


@pytest.mark.parametrize(
    "text",
    [
        "English, all of it: `x`(y).",
        "nd.exp、nd.log",
        "误差是 y_hat - y，形状是 (n, 1)，写成 w = w - ...",
        '设置写成 {"learning_rate": ..., "wd": ...}',
        "sin(3 乘 x 各元素之和) + |x|²/2",
        "{first}，{second}",
        "第 {chapter} 章  {bar:8}  解出 {right} / {total} 题",
        "他说“学习”：1/2、28×28",
    ],
)
def test_what_is_well(text):
    assert lint_chinese.mended(text) == text


def test_a_notebook(tmp_path, capsys):
    image = {"mystnb": {"image": {"alt": "损失,准确率"}}}
    cells = [
        nbformat.v4.new_markdown_cell("标题\n\n第1步", id="prose"),
        nbformat.v4.new_code_cell("a = 1\n# 注释a", id="code", metadata=image),
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert lint_chinese.main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}, cell prose:",
        "  - 第1步",
        "  + 第 1 步",
        f"{path}, cell code:",
        "  - # 注释a",
        "  + # 注释 a",
        f"{path}, cell code, metadata:",
        "  - 损失,准确率",
        "  + 损失，准确率",
        "3 places to mend",
    ]
    assert lint_chinese.main(["--write", str(path)]) == 0
    assert lint_chinese.main([str(path)]) == 0
    changed = nbformat.read(path, as_version=4).cells
    assert [cell.source for cell in changed] == ["标题\n\n第 1 步", "a = 1\n# 注释 a"]
    assert changed[1].metadata.mystnb.image.alt == "损失，准确率"


def test_a_catalogue(tmp_path):
    path = tmp_path / "d2lhelpers.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "a, b"\nmsgstr "一,b"\n'
    )
    assert lint_chinese.check(path) == [("line 5", "一,b", "一，b")]
    lint_chinese.check(path, write_it=True)
    assert lint_chinese.check(path) == []
    assert path.with_suffix(".mo").exists()


def test_a_page(tmp_path):
    path = tmp_path / "README.zh.md"
    path.write_text("# 开始\n\n用`make`,很快\n", encoding="utf-8")
    assert lint_chinese.check(path) == [("line 3", "用`make`,很快", "用 `make`，很快")]
