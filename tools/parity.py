"""Whether two editions of a notebook, in English and in another language, are the same but for their words.

``python tools/parity.py`` compares all pairs and prints what differs; a test does the same. Compared are, cell by cell:
ids, types, tags and metadata; the code, without its comments and the words in its strings; in prose the formulas,
numbers, code, links and headings; of the stored outputs the kinds, the numbers in their order (a figure's width and
height among them) and the sizes of pictures. Jupyter crops a picture to what is drawn, so that a longer or shorter word
at its edge makes it a little wider or narrower.
"""

import ast
import base64
import re
import struct
import sys
from collections import Counter
from pathlib import Path

import nbformat
from matplotlib.colors import is_color_like
from nbval.plugin import get_sanitize_patterns
from notebook_paths import NOTEBOOKS, languages

ROOT = Path(__file__).resolve().parent.parent
CLOCK = get_sanitize_patterns((ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8"))

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
MYRIADS = re.compile(r"(\d+) ?万")  # 10 万 is 100,000
# The folder of an edition: where a notebook is named by its path, and where a link leaves it.
OWN_FOLDER = re.compile(r"(?<=notebooks/)\w+/(?=\d\d_)|(?<=\]\()\.\./(?=\.\./)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
WORDS = re.compile(r"\\text\{([^}]*)\}")  # in a formula
INLINE = re.compile(r"(?<![\\$])\$(?!\$)([^$]+?)(?<!\\)\$")
CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
CROPPED = 0.12  # of a picture's width or height, at most
CHOICE = re.compile(r'(?<=dh\.set_language\(")\w+(?="\))')  # of the language
FOREIGN = re.compile(r"[^\x00-\u024f\u0370-\u03ff\u2000-\u2bff]")  # neither Latin nor Greek letters, nor signs


def pairs():
    """Return the paths of all pairs: the English notebook, and its twin."""
    others = [path for name in languages(NOTEBOOKS) for path in sorted((NOTEBOOKS / name).glob("*.ipynb"))]
    return [(NOTEBOOKS / path.name, path) for path in others]


def chosen(notebook):
    """Return the names of the languages that a notebook's code chooses, in their order."""
    return [name for cell in notebook.cells if cell.cell_type == "code" for name in CHOICE.findall(cell.source)]


def differences(english, other):
    """Return what differs between two notebooks besides their words.

    Parameters
    ----------
    english, other : nbformat.NotebookNode

    Returns
    -------
    list of str
        Each names the cell and the difference; empty if the two are one.
    """
    ids = [[cell.id for cell in notebook.cells] for notebook in (english, other)]
    if ids[0] != ids[1]:
        return [f"cells: {_first_difference(*ids)}"]
    found = [] if english.metadata == other.metadata else ["the notebook's metadata differ"]
    for one, two in zip(english.cells, other.cells, strict=True):
        found += [f"cell {one.id}: {text}" for text in _cell_differences(one, two)]
    return found


def _cell_differences(one, two):
    if one.cell_type != two.cell_type:
        return [f"type: {one.cell_type} and {two.cell_type}"]
    found = _compare("metadata", *(_without_words(dict(cell.metadata)) for cell in (one, two)))
    if one.cell_type == "code":
        found += _code_differences(one.source, two.source)
        found += _compare("number of outputs", len(one.outputs), len(two.outputs))
        for a, b in zip(one.outputs, two.outputs, strict=False):
            found += _output_differences(a, b)
        return found
    return found + prose_differences(one.source, two.source)


def _compare(what, one, two):
    return [] if one == two else [f"{what}: {_first_difference(one, two)}"]


def _first_difference(one, two):
    """Say where two values differ, or what one has and the other lacks."""
    if isinstance(one, Counter):
        only = [", ".join(map(repr, (a - b).elements())) or "nothing more" for a, b in ((one, two), (two, one))]
        return f"only in English {only[0]}; only in the other {only[1]}"
    if isinstance(one, list):
        for place, (a, b) in enumerate(zip(one, two, strict=False)):
            if a != b:
                return f"{a!r} and {b!r}, at place {place}"
        longer = max(one, two, key=len)
        return f"{len(one)} and {len(two)}, first more: {longer[min(len(one), len(two))]!r}"
    return f"{one!r} and {two!r}"


def _without_words(metadata):
    """Return a cell's metadata, of whose texts (a figure's, for those who cannot see it) only the numbers are left."""
    return {key: _texts(value) if key == "mystnb" else value for key, value in metadata.items()}


def _texts(value):
    if isinstance(value, dict):
        return {key: _texts(part) for key, part in value.items()}
    return sorted(_numbers(value)) if isinstance(value, str) else value


def _numbers(text):
    text = MYRIADS.sub(lambda match: str(int(match[1]) * 10_000), text)
    return [number.replace(",", "") for number in NUMBER.findall(text)]


# Code


def _code_differences(one, two):
    one, two = (CHOICE.sub("", source) for source in (one, two))  # which is its own in each edition: see main
    trees = [ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.MULTILINE)) for source in (one, two)]
    magics = [re.findall(r"^\s*[%!].*", source, re.MULTILINE) for source in (one, two)]
    found = _compare("magics", *magics)
    nodes = [list(_flat(tree)) for tree in trees]
    for a, b in zip(*nodes, strict=False):
        if a != b and not (isinstance(a, _Words) and isinstance(b, _Words) and a.agrees(b)):
            return [*found, f"code: {a} and {b}"]
    return found + _compare("length of the code", len(nodes[0]), len(nodes[1]))


class _Words:
    """A string of the code. A translation may change the words, but not the numbers, formulas and fields in it."""

    def __init__(self, text, fields=()):
        self.text, self.fields = text, list(fields)

    def __eq__(self, other):
        return isinstance(other, _Words) and (self.text, self.fields) == (other.text, other.fields)

    def __repr__(self):
        return repr(self.text) + (f" with {self.fields}" if self.fields else "")

    def agrees(self, other):
        """Whether `other` is a translation of this one, which has letters of another script."""
        is_translated = FOREIGN.search(other.text) and not FOREIGN.search(self.text) and not is_color_like(self.text)
        return bool(is_translated and self._kept() == other._kept())

    def _kept(self):
        formulas, rest = INLINE.findall(self.text), INLINE.sub("", self.text)
        return self.fields, Counter(formulas), Counter(_numbers(rest)), rest.count("\n")


def _flat(node):
    """Yield all that a syntax tree holds, in order; of its strings, what a translation has to keep."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        fields = [ast.unparse(ast.JoinedStr([part])) for part in node.values if isinstance(part, ast.FormattedValue)]
        yield _Words(text, fields)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _Words(node.value)
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for _, value in ast.iter_fields(node):
            yield from _flat(value)
    elif isinstance(node, list):
        yield len(node)
        for part in node:
            yield from _flat(part)
    else:
        yield repr(node)


# Prose


def prose_differences(one, two):
    """Return what differs in two texts of Markdown besides their words, a line for each difference."""
    found, two = [], OWN_FOLDER.sub("", two)
    fences = [FENCE.findall(text) for text in (one, two)]
    found += _compare("fenced code", [name for name, _ in fences[0]], [name for name, _ in fences[1]])
    for (name, a), (_, b) in zip(*fences, strict=False):
        found += _code_differences(a, b) if name == "python" else _compare("fenced text", _numbers(a), _numbers(b))
    one, two = (FENCE.sub("", text) for text in (one, two))
    displayed = [[re.sub(r"\s+", " ", formula) for formula in DISPLAY.findall(text)] for text in (one, two)]
    found += _compare("formulas", [_with_words_of(b, a) for a, b in zip(*displayed, strict=False)], displayed[1])
    found += _compare("number of formulas", *map(len, displayed))
    one, two = (DISPLAY.sub(" ", text) for text in (one, two))
    for what, pattern in (("code", CODE), ("formulas", INLINE), ("links", LINK)):
        group = 2 if pattern is CODE else 1
        kept = [Counter(re.sub(r"\s+", " ", m[group]) for m in pattern.finditer(text)) for text in (one, two)]
        found += _compare(what, *kept)
        one, two = (pattern.sub(" ", text) for text in (one, two))
    found += _compare("headings", HEADING.findall(one), HEADING.findall(two))
    found += _compare("rows of tables", *(text.count("\n|") for text in (one, two)))
    return found + _compare("numbers", *(Counter(_numbers(text)) for text in (one, two)))


def _with_words_of(other, formula):
    """Return a formula with the words of the other one, where these have letters of another script."""
    words = iter(WORDS.findall(other))

    def translated(match):
        word = next(words, match[1])
        return rf"\text{{{word}}}" if FOREIGN.search(word) else match[0]

    return WORDS.sub(translated, formula)


# Outputs


def _output_differences(one, two):
    found = _compare("kind of output", one.output_type, two.output_type)
    found += _compare("kinds of output", sorted(one.get("data", {})), sorted(two.get("data", {})))
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in (one, two)]
    for pattern, blank in CLOCK:
        texts = [re.sub(pattern, blank, text) for text in texts]
    found += _compare("numbers in the output", *map(_numbers, texts))
    pictures = [output.get("data", {}).get("image/png") for output in (one, two)]
    if all(pictures):
        sizes = [_size(picture) for picture in pictures]
        if any(abs(a - b) > CROPPED * a for a, b in zip(*sizes, strict=True)):
            found += _compare("size of the picture", *sizes)
    return found


def _size(picture):
    return struct.unpack(">II", base64.b64decode(picture)[16:24])


def main():
    """Print what differs between the editions of the repository, and return 0 if nothing does."""
    found = []
    for name in languages(NOTEBOOKS):
        editions = [{path.name for path in folder.glob("*.ipynb")} for folder in (NOTEBOOKS, NOTEBOOKS / name)]
        found += [f"{name}/{notebook}: is there in one edition only" for notebook in sorted(editions[0] ^ editions[1])]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")) + [other for _, other in pairs()]:
        name = "en" if path.parent == NOTEBOOKS else path.parent.name
        names = chosen(nbformat.read(path, as_version=4))
        if names != [name]:
            found.append(f"{name}/{path.name}: chooses the languages {names}, and should choose {name!r} once")
    for english, other in pairs():
        if english.exists():
            read = [nbformat.read(path, as_version=4) for path in (english, other)]
            found += [f"{other.parent.name}/{other.name}: {text}" for text in differences(*read)]
    print("\n".join(found) or f"{len(pairs())} pairs agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
