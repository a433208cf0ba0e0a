"""The pages of the book and the words on them; those of the Chinese edition are called ``zh/NAME``."""

import json

from conftest import ROOT

CHAPTERS = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
OTHERS = [name for name in ("install", "teaching", "checks", "reference") if (ROOT / "book" / f"{name}.md").exists()]
PAGES = ["index", *CHAPTERS, *OTHERS]
WORDS = {
    "en": {
        "figure": "Figure",
        "download": "Download notebook",
        "solution": "Worked solution",
        "unanswered": "not answered yet",
        "sections": r"Sections? [38]\.\d+.* of Dive into Deep Learning",
        "used in": "Used in:",
        "close": "Close",
        "moves": "In the notebook it changes with:",
        "one file": "One file",
    },
    "zh": {
        "figure": "图",
        "download": "下载笔记本",
        "solution": "参考答案",
        "unanswered": "还没有作答",
        "sections": r"《动手学深度学习》第一版第 [38]\.\d+",
        "used in": "用到它的章节：",
        "close": "关闭",
        "moves": "在笔记本里，图会随这些变化：",
        "one file": "一个文件",
    },
}
DESK, TABLET, PHONE = (1400, 900), (900, 1200), (390, 844)
SIZES = {"desk": DESK, "tablet": TABLET, "phone": PHONE}


def of_both(names):
    return [*names, *(f"zh/{name}" for name in names)]


def said(name, what):
    """Return the words for something on a page."""
    return WORDS["zh" if name.startswith("zh/") else "en"][what]


def number(name):
    """Return the number of a chapter."""
    return name.removeprefix("zh/")[:2]


def cells(name, kind):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def prose(name):
    return "\n\n".join("".join(cell["source"]) for cell in cells(name, "markdown"))


def figures(name):
    """Return what the figures of a chapter say, in their order."""
    outputs = [output.get("data", {}) for cell in cells(name, "code") for output in cell["outputs"]]
    texts = ["".join(data["text/plain"]) for data in outputs if "image/png" in data]
    return [" ".join(text.split("\n")[1:]) for text in texts]


def in_one_line(text):
    return " ".join(text.split())
