"""Copy the questions of the exercises from the notebooks into the package, for `dh.review`: `make catalogues`.

They are copied word for word, in each language that the notebooks have. With a question goes the cell for its answer.
Since a review may be held in any notebook, the one for a function begins with what the chapter imports from NumPy and
MXNet, and the one for a number with what the worked solution needs of it.
"""

import ast
import json
import re
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
    for text, asked, solution in zip(cells, cells[1:], cells[2:], strict=False):
        found = re.search(r'^dh\.check\("([\d.]+)", ', asked.source, re.MULTILINE)
        if asked.cell_type == "code" and found:
            number = found[1]
            start = re.search(rf"^### {re.escape(number)} ", text.source, re.MULTILINE).start()
            imports = _imports(cells, "" if asked.source.startswith("def ") else solution.source)
            blank = "\n\n\n" if imports and asked.source.startswith("def ") else "\n\n" if imports else ""
            questions[number] = {"text": text.source[start:], "cell": f"{imports}{blank}{asked.source}"}
    return questions


def _imports(cells, solution):
    """Return the chapter's imports from NumPy and MXNet; of those, what a solution uses if there is one."""
    source = next(cell.source for cell in cells if "import d2lhelpers as dh" in cell.source)
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            names = [name.asname or name.name for name in node.names]
            is_used = not solution or any(re.search(rf"\b{name}\.", solution) for name in names)
            if module in _IMPORTED and is_used:
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
