"""Whether the Chinese is set as in a book: its punctuation, and the spaces between Chinese and Latin letters.

``python tools/lint_chinese.py`` reads all that the repository says in Chinese, or the files that are named after it,
and prints what it would write; with ``--write`` it writes it. Read are the prose, the comments, the strings and the
texts of figures of notebooks, the translations of a catalogue, and pages. What stands there as code, formula, field,
address or tag stays as it is.

The rules are those of AutoCorrect. A few come on top, for what it leaves alone: round brackets are full-width around
and behind Chinese, quotation marks are curly, code and formulas stand between spaces as Latin words do, emphasis has to
be one for Markdown, too, and a line does not break between two Chinese characters, which a browser shows as a space.
"""

import argparse
import io
import json
import re
import sys
import tokenize
from pathlib import Path

import autocorrect_py
import nbformat
from babel.messages.pofile import read_po
from catalogues import write

ROOT = Path(__file__).resolve().parent.parent
autocorrect_py.load_config(json.dumps({"rules": {"space-bracket": 0}}))  # it would write half-width round brackets

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
CHINESE = re.compile(f"[{HAN}]")
FULL_WIDTH = str.maketrans(",;:!?", "，；：！？")

# What is kept as it is. Of two kinds, in a stand-in for the linter: a word, with spaces around it, and a blank, whose
# neighbours are nobody's business.
WORDS = {
    "markdown": [r"(`+).+?\1", r"\$\$[^$]+\$\$", r"(?<!\\)\$[^$\n]+\$", r"https?://[\w./#?=&%~:-]+[\w/]"],
    "text": [r"(`+).+?\1", r"\$[^$\n]+\$", r"https?://[\w./#?=&%~:-]+[\w/]", r"\{\w*:[^{}]*[defg%]\}"],
}
BLANKS = {
    "markdown": [r"\]\([^)\s]*\)", r"</?[a-z][^>\n]*>", r"^\[[^\]]+\]: .*$", r"^:[a-z-]+:"],
    "text": [r"</?[a-z][^>\n]*>", r"\{\{|\}\}|\{[^{}]*\}", r"\\."],
}
FENCE = re.compile(r"^( *)```([^`\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
EMPHASIS = re.compile(r"(?<!\*)(\*{1,3})(?![\s*])(.+?)(?<![\s*])\1(?!\*)")
LATIN = "A-Za-z0-9Α-ωϵ"


def mended(text, kind="text"):
    """Return a text as it should be set.

    Parameters
    ----------
    text : str
    kind : {"text", "markdown", "code"}
        Prose without marks, as in a string, with those of Markdown, or Python, of which comments and strings are read.

    Returns
    -------
    str
        The text itself if all is well, or if there is no Chinese in it.

    Examples
    --------
    >>> mended("学习率lr要小(见下),否则会发散.")
    '学习率 lr 要小（见下），否则会发散。'
    >>> mended("**权重衰减（weight decay）**把`w`乘以$0.9$。", "markdown")
    '**权重衰减**（weight decay）把 `w` 乘以 $0.9$。'
    """
    if not CHINESE.search(text):
        return text
    if kind == "code":
        return _replaced(text, _texts_of_code(text))
    parts, end = [], 0
    for fence in FENCE.finditer(text) if kind == "markdown" else ():
        inner = "code" if fence[2] == "python" else "markdown" if fence[2].startswith("{") else "text"
        content = mended(fence[3], inner)
        parts += [_prose(text[end : fence.start()], kind), text[fence.start() : fence.start(3)], content]
        parts += [text[fence.end(3) : fence.end()]]
        end = fence.end()
    return "".join(parts) + _prose(text[end:], kind)


def _prose(text, kind):
    kept = {}

    def keep(match, word):
        # A character of the private use area stands for it, for the linter within a word if it is to be one.
        mark = chr(0xE000 + len(kept))
        kept[mark] = match[0]
        return f"Zq{len(kept) - 1}qZ" if word else mark

    for patterns, is_word in ((WORDS, True), (BLANKS, False)):
        for pattern in patterns[kind]:
            text = re.sub(pattern, lambda match, word=is_word: keep(match, word), text, flags=re.MULTILINE)
    if kind == "markdown":
        text = EMPHASIS.sub(_closed, text)
        text = re.sub(f"(?<=[{HAN}，。；：、！？）”])\n(?=[{HAN}（“])", "", text)
    text = "\n".join(_line(line) if CHINESE.search(line) else line for line in text.split("\n"))
    if kind == "markdown":
        text = EMPHASIS.sub(_spaced, text)
    while re.search(r"Zq\d+qZ|[\ue000-\uf8ff]", text):  # one may lie within another
        text = re.sub(r"Zq(\d+)qZ", lambda match: kept[chr(0xE000 + int(match[1]))], text)
        text = re.sub(r"[\ue000-\uf8ff]", lambda match: kept[match[0]], text)
    return text


def _line(line):
    line = re.sub(r'"([^"]*)"', lambda quote: f"“{quote[1]}”" if CHINESE.search(quote[1]) else quote[0], line)
    line = re.sub(rf"(?<![A-Za-z])\(([^()]*[{HAN}][^()]*)\)", r"（\1）", line)  # but not behind a function
    line = re.sub(rf"(?<=[{HAN}]) ?\(([A-Za-z][A-Za-z -]+)\)", r"（\1）", line)
    line = re.sub(rf"(?<=[{HAN}])[,;:!?] ?|[,;:!?] ?(?=[{HAN}])", lambda sign: sign[0][0].translate(FULL_WIDTH), line)
    line = re.sub(r"(?<=[^.\s])\.$", "。", line) if not re.match(r"\s*\d+\.$", line) else line
    line = re.sub(f"(?<=[{HAN}])(?=[Α-ωϵ])|(?<=[Α-ωϵ²³₀-₉])(?=[{HAN}])", " ", line)
    return autocorrect_py.format(line)


def _closed(emphasis):
    """Return an emphasis that Markdown takes for one: between its stars and a letter outside there may be no sign."""
    text, stars, content = emphasis.string, emphasis[1], emphasis[2]
    before, after = (re.match(r"\w", text[i : i + 1]) for i in (emphasis.start() - 1, emphasis.end()))
    start = " " if before and emphasis.start() and re.match(r"[^\w\s]", content) else ""
    if not after or not re.search(r"[^\w\s]$", content):
        return start + emphasis[0]
    bracket = re.fullmatch("(.+)(（[^（）]*）)", content)
    return start + (f"{stars}{bracket[1]}{stars}{bracket[2]}" if bracket else f"{emphasis[0]} ")


def _spaced(emphasis):
    """Return an emphasis with the spaces that its content wants, which the linter does not see across the stars."""
    text, (start, end) = emphasis.string, emphasis.span()
    before, first, last, after = text[:start][-1:], emphasis[2][0], emphasis[2][-1], text[end : end + 1]
    return (" " * _is_edge(before, first)) + emphasis[0] + (" " * _is_edge(last, after))


def _is_edge(left, right):
    pair = left + right
    return bool(re.fullmatch(f"[{HAN}][{LATIN}]|[{LATIN}%₀-₉][{HAN}]", pair))


def _texts_of_code(source):
    """Yield the places of all comments and of the contents of all strings in a source, and what should stand there."""
    readable = re.sub(r"^(\s*)[%!]", r"\1#", source, flags=re.MULTILINE)  # IPython's commands
    starts = [0]
    for line in readable.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def place(position):
        return starts[position[0] - 1] + position[1]

    opened = []
    for token in tokenize.generate_tokens(io.StringIO(readable).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":  # from CPython 3.12 on, the parts of an f-string are tokens of their own
            opened.append(place(token.start))
        elif name in ("STRING", "FSTRING_END", "COMMENT"):
            start = opened.pop() if name == "FSTRING_END" else place(token.start)
            if opened:
                continue  # a string in the field of another one
            end = place(token.end)
            border = re.match(r"." if name == "COMMENT" else r"\w*('''|\"\"\"|'|\")", source[start:end])
            start, end = start + border.end(), end - (0 if name == "COMMENT" else len(border[1]))
            yield start, end, mended(source[start:end])


def _replaced(text, replacements):
    parts, done = [], 0
    for start, end, new in replacements:
        parts += [text[done:start], new]
        done = end
    return "".join(parts) + text[done:]


# Files


def check(path, write_it=False):
    """Return what should be different in a file.

    Parameters
    ----------
    path : pathlib.Path
        A notebook, a catalogue (``.po``), a program (``.py``), or a page in Markdown.
    write_it : bool
        Whether to change the file, too.

    Returns
    -------
    list of tuple
        Of each place its name, the line there, and what should stand there; empty if all is well.
    """
    found = {".ipynb": _notebook, ".po": _catalogue}.get(path.suffix, _page)(path, write_it)
    return [(where, *lines) for where, old, new in found for lines in _different_lines(old, new)]


def _different_lines(old, new):
    if old == new:
        return []
    lines = [text.split("\n") for text in (old, new)]
    if len(lines[0]) != len(lines[1]):
        return [(old, new)]
    return [(one, two) for one, two in zip(*lines, strict=True) if one != two]


def _notebook(path, write_it):
    notebook = nbformat.read(path, as_version=4)
    found = []
    for cell in notebook.cells:
        new = mended(cell.source, "code" if cell.cell_type == "code" else "markdown")
        found.append((f"cell {cell.id}", cell.source, new))
        cell.source = new
        for holder, key in _strings(cell.metadata.get("mystnb", {})):
            found.append((f"cell {cell.id}, metadata", holder[key], mended(holder[key])))
            holder[key] = found[-1][2]
    if write_it:
        nbformat.write(notebook, path)
    return found


def _strings(tree):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _strings(value)
        elif isinstance(value, str):
            yield tree, key


def _catalogue(path, write_it):
    with open(path, "rb") as file:
        catalog = read_po(file)
    found = []
    for message in catalog:
        if message.id:
            found.append((f"line {message.lineno}", message.string, mended(message.string)))
            message.string = found[-1][2]
    if write_it:
        write(catalog, path)
    return found


def _page(path, write_it):
    text = path.read_text(encoding="utf-8")
    kind = {".py": "code", ".md": "markdown"}.get(path.suffix, "text")
    new = mended(text, kind)
    if write_it:
        path.write_text(new, encoding="utf-8")
    lines = [part.split("\n") for part in (text, new)]
    if len(lines[0]) != len(lines[1]):
        return [("the whole page", text, new)]
    return [(f"line {number}", *pair) for number, pair in enumerate(zip(*lines, strict=True), 1)]


def files():
    """Return the paths of all files of the repository that speak Chinese to people."""
    patterns = ["notebooks/zh/*.ipynb", "d2lhelpers/language/zh/LC_MESSAGES/*.po", "*.zh.md"]
    patterns += ["book/zh/**/*.md", "book/locale/zh*/LC_MESSAGES/*.po"]
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def main(arguments=None):
    """Print what should be different, and return 0 if nothing should."""
    parser = argparse.ArgumentParser(description="Check the punctuation and the spaces of Chinese texts.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="FILE", help="default: all that is in Chinese")
    parser.add_argument("--write", action="store_true", help="write what is printed")
    options = parser.parse_args(arguments)
    count = 0
    for path in options.paths or files():
        for where, old, new in check(path, options.write):
            print(f"{path}, {where}:\n  - {old}\n  + {new}")
            count += 1
    print(f"{count} places to mend" if count else "all is well")
    return 1 if count and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
