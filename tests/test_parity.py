"""The editions of the notebooks are one but for their words; and what makes them differ is noticed, and named."""

import base64
import copy
import struct
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import parity  # noqa: E402


def test_the_editions_are_one():
    assert parity.main() == 0


def picture(width, height, pixels=b"0"):
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return base64.b64encode(header + pixels).decode()


def code(source, outputs, **metadata):
    return nbformat.v4.new_code_cell(source, id="code", outputs=outputs, metadata=metadata)


def stream(text):
    return nbformat.v4.new_output("stream", text=text)


def figure(width, height, pixels=b"0"):
    data = {"image/png": picture(width, height, pixels), "text/plain": f"<Figure size {width}x{height} with 1 Axes>"}
    return nbformat.v4.new_output("display_data", data=data)


def notebook(prose, source, outputs, alt):
    cells = [nbformat.v4.new_markdown_cell(prose, id="prose"), code(source, outputs, mystnb={"image": {"alt": alt}})]
    return nbformat.v4.new_notebook(cells=cells)


ENGLISH = notebook(
    """## The loss

With $\\eta = 0.1$ the loss falls in 1,000 steps, see [01](01_a.ipynb), `notebooks/01_a.ipynb`
and `dh.train`, for 100,000 yuan:

$$\\ell = 1/2 \\text{ at the end}$$

| what | value |
| --- | --- |
| loss | 3 |

```python
def f(x):
    return x  # twice
```""",
    """# draws the loss
%matplotlib inline
dh.set_language("en")
losses = [0.5, 2]
plt.plot(losses, color='tab:blue', label=r'the loss $\\ell$ of 10')
print(f'loss {losses[0]:.3f} at {len(losses)}')""",
    [stream("loss 0.500 at 2 (0.123 s)\n"), figure(600, 300)],
    "A curve that falls from 2 to 0.5.",
)
CHINESE = notebook(
    """## 损失

取 $\\eta = 0.1$，损失在 1,000 步内下降，见 [01](01_a.ipynb)、`notebooks/zh/01_a.ipynb` 和 `dh.train`，价 10 万元：

$$\\ell = 1/2 \\text{（最后）}$$

| 项 | 值 |
| --- | --- |
| 损失 | 3 |

```python
def f(x):
    return x  # 两倍
```""",
    """# 画出损失
%matplotlib inline
dh.set_language("zh")
losses = [0.5, 2]
plt.plot(losses, color='tab:blue', label=r'10 个样本的损失 $\\ell$')
print(f'损失 {losses[0]:.3f}，共 {len(losses)}')""",
    [stream("损失 0.500，共 2 (0.456 s)\n"), figure(600, 300, b"1")],
    "一条从 2 降到 0.5 的曲线。",
)


def test_a_translation_is_the_same():
    assert parity.differences(ENGLISH, CHINESE) == []


def change(place, old, new):
    """Return a function that changes the Chinese notebook's prose, code, output or text of the figure."""

    def change(chinese):
        prose, cell = chinese.cells
        holder, key = {
            "prose": (prose, "source"),
            "code": (cell, "source"),
            "output": (cell.outputs[0], "text"),
            "alt": (cell.metadata["mystnb"]["image"], "alt"),
        }[place]
        assert old in holder[key]
        holder[key] = holder[key].replace(old, new)

    return change


def drop_an_output(chinese):
    del chinese.cells[1].outputs[1]


def another_size(chinese):
    chinese.cells[1].outputs[1].data["image/png"] = picture(600, 340)


def another_figure(chinese):
    chinese.cells[1].outputs[1] = figure(600, 301)


def another_kind(chinese):
    chinese.cells[1].outputs[0] = nbformat.v4.new_output("display_data", data={"text/plain": "0.500 2"})


def another_id(chinese):
    chinese.cells[1].id = "code-2"


def another_type(chinese):
    chinese.cells[0] = nbformat.v4.new_raw_cell(chinese.cells[0].source, id="prose")


def another_tag(chinese):
    chinese.cells[1].metadata["tags"] = ["hide-input"]


def one_more_cell(chinese):
    chinese.cells.append(nbformat.v4.new_markdown_cell("完", id="end"))


def another_language_of_the_kernel(chinese):
    chinese.metadata["kernelspec"] = {"name": "python2"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change("prose", "1,000", "1,001"), "cell prose: numbers: only in English '1000'; only in the other '1001'"),
        (
            change("prose", "10 万", "11 万"),
            "cell prose: numbers: only in English '100000'; only in the other '110000'",
        ),
        (change("prose", "zh/01_a", "zh/02_a"), "cell prose: code: only in English 'notebooks/01_a.ipynb'"),
        (change("prose", "\\eta = 0.1", "\\eta = 0.2"), "cell prose: formulas: only in English '\\\\eta = 0.1'"),
        (change("prose", "\\ell = 1/2", "\\ell = 1/3"), "cell prose: formulas"),
        (change("prose", "（最后）", "at last"), "cell prose: formulas: '\\\\ell = 1/2 "),
        (change("prose", "$$\\ell = 1/2 \\text{（最后）}$$", ""), "cell prose: number of formulas: 1 and 0"),
        (change("prose", "(01_a.ipynb)", "(02_b.ipynb)"), "cell prose: links: only in English '01_a.ipynb'"),
        (change("prose", "`dh.train`", "`dh.check`"), "cell prose: code: only in English 'dh.train'"),
        (change("prose", "`dh.train`", "训练"), "cell prose: code: only in English 'dh.train'"),
        (change("prose", "## ", "### "), "cell prose: headings"),
        (change("prose", "| 损失 | 3 |\n", "| 损失 | 3 |\n| 权重 | |\n"), "cell prose: rows of tables: 3 and 4"),
        (change("prose", "return x", "return 2 * x"), "cell prose: code: "),
        (change("prose", "```python", "```"), "cell prose: fenced code"),
        (change("code", "0.5, 2", "0.5, 3"), "cell code: code: 2 and 3"),
        (change("code", "tab:blue", "tab:red"), "cell code: code: 'tab:blue' and 'tab:red'"),
        (change("code", "tab:blue", "蓝"), "cell code: code: 'tab:blue' and '蓝'"),
        (change("code", "label=", "title="), "cell code: code: 'label' and 'title'"),
        (change("code", "10 个", "11 个"), "cell code: code: 'the loss $\\\\ell$ of 10' and"),
        (change("code", "$\\ell$", "$L$"), "cell code: code: 'the loss $\\\\ell$ of 10' and"),
        (change("code", ":.3f", ":.2f"), "cell code: code: 'loss {} at {}' with"),
        (change("code", "{len(losses)}", "{losses}"), "cell code: code: 'loss {} at {}' with"),
        (change("code", "10 个样本的损失 $\\ell$", "loss $\\ell$ of 10"), "cell code: code: 'the loss"),
        (change("code", "\nprint", "\nprint()\nprint"), "cell code: code: "),
        (change("code", "%matplotlib inline\n", ""), "cell code: magics"),
        (change("output", "0.500", "0.501"), "cell code: numbers in the output: '0.500' and '0.501', at place 0"),
        (change("output", "损失 0.500，共 2", "共 2，损失 0.500"), "cell code: numbers in the output: '0.500' and '2'"),
        (change("alt", "0.5", "0.6"), "cell code: metadata"),
        (drop_an_output, "cell code: number of outputs: 2 and 1"),
        (another_size, "cell code: size of the picture: (600, 300) and (600, 340)"),
        (another_figure, "cell code: numbers in the output: '300' and '301'"),
        (another_kind, "cell code: kind of output: 'stream' and 'display_data'"),
        (another_id, "cells: 'code' and 'code-2', at place 1"),
        (another_type, "cell prose: type: markdown and raw"),
        (another_tag, "cell code: metadata"),
        (one_more_cell, "cells: 2 and 3, first more: 'end'"),
        (another_language_of_the_kernel, "the notebook's metadata differ"),
    ],
)
def test_what_differs_is_noticed_and_named(change, message):
    chinese = copy.deepcopy(CHINESE)
    change(chinese)
    found = parity.differences(ENGLISH, chinese)
    assert any(text.startswith(message) for text in found), found


@pytest.mark.parametrize("languages", [["zh"], ["en", "en"], []])
def test_each_edition_chooses_its_language(monkeypatch, tmp_path, capsys, languages):
    source = "\n".join(f'dh.set_language("{name}")' for name in languages)
    nbformat.write(nbformat.v4.new_notebook(cells=[code(source, [])]), tmp_path / "01_a.ipynb")
    monkeypatch.setattr(parity, "NOTEBOOKS", tmp_path)
    assert parity.main() == 1
    assert f"en/01_a.ipynb: chooses the languages {languages}" in capsys.readouterr().out


def test_an_edition_that_is_not_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(parity, "NOTEBOOKS", tmp_path)
    for name in ("00_first", "01_second", "zh/00_first", "zh/02_third", "de/00_first"):
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        source = f'dh.set_language("{name[:2] if "/" in name else "en"}")'
        nbformat.write(nbformat.v4.new_notebook(cells=[code(source, [])]), path)
    assert parity.main() == 1
    assert [line for line in capsys.readouterr().out.splitlines() if "one edition only" in line] == [
        "de/01_second.ipynb: is there in one edition only",
        "zh/01_second.ipynb: is there in one edition only",
        "zh/02_third.ipynb: is there in one edition only",
    ]
