"""Copy the questions of the exercises from the notebooks into the package, for `dh.review`: `make catalogues`.

They are copied word for word, in each language that the notebooks have. With a question goes the cell for its answer,
and for a function what the chapter imports from NumPy and MXNet, since a review may be held in any notebook.
"""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import nbformat
from notebook_paths import language_of, notebooks

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "d2lhelpers" / "reviewing" / "questions"
_IMPORTED = {"mxnet", "mxnet.gluon", "numpy"}


def of_notebook(notebook):
    """Return the questions of a notebook by their numbers: each a dictionary of its text and of the cell below it."""
    cells = notebook.cells
    questions = {}
    for text, asked in pairwise(cells):
        found = re.search(r'^dh\.check\("([\d.]+)", ', asked.source, re.MULTILINE)
        if asked.cell_type == "code" and found:
            number = found[1]
            start = re.search(rf"^### {re.escape(number)} ", text.source, re.MULTILINE).start()
            is_function = asked.source.startswith("def ")
            cell = f"{_imports(cells)}\n\n\n{asked.source}" if is_function else asked.source
            questions[number] = {"text": text.source[start:], "cell": cell}
    return questions


def _imports(cells):
    source = next(cell.source for cell in cells if "import d2lhelpers as dh" in cell.source)
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if module in _IMPORTED:
                lines.append(ast.get_source_segment(source, node))
    return "\n".join(lines)


def collect():
    """Return the questions of all notebooks, by language and by number."""
    questions = {}
    for path in notebooks():
        questions.setdefault(language_of(path), {}).update(of_notebook(nbformat.read(path, as_version=4)))
    return questions


def text_of(questions):
    """Return the questions of a language as they are written into its file."""
    return json.dumps(questions, ensure_ascii=False, indent=1) + "\n"


def main():
    """Write the file of each language."""
    for name, questions in collect().items():
        (QUESTIONS / f"{name}.json").write_text(text_of(questions), encoding="utf-8")
        print(f"{name}: {len(questions)} questions")


if __name__ == "__main__":
    main()
