"""The reference: every public name of d2lhelpers, in the words of its docstring, and the chapters that use it."""

import ast
import dataclasses
import inspect
import json
import re
from pathlib import Path

import d2lhelpers

from sphinx.ext.autodoc.mock import mock
from sphinx.pycode import ModuleAnalyzer

NAMES = "{{ names }}"  # where reference.md wants them
MODULES = d2lhelpers._MODULES


def show(app, docname, source, translate=str):
    """Write the public names into the text of the page that wants them, ``source[0]``, before Sphinx reads it."""
    if docname == "reference":
        before, after = source[0].split(NAMES)
        with mock(app.config.autodoc_mock_imports):
            source[0] = before + names(chapters_by_name(app.srcdir), translate) + after


def names(chapters, translate=str):
    """Return all public names in Markdown, a section for each module."""
    lines = []
    for module in sorted(set(MODULES.values())):
        lines += [f"## `{module}`", "", about(module), ""]
        for name in sorted((name for name in MODULES if MODULES[name] == module), key=str.lower):
            used = [f":doc:`{file[:2]} <{file}>`" for file in chapters.get(name, [])]
            line = "   " + translate("*Used in:* {chapters}").format(chapters=", ".join(used))
            lines += ["```{eval-rst}", *directive(name), "", *([line] if used else []), "```", ""]
    return "\n".join(lines)


def about(module):
    """Return the first paragraph of a module's docstring, in which two backticks are what one is in Markdown."""
    folder = Path(d2lhelpers.__file__).parent / module
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return text.split("\n\n")[0].replace("``", "`")


def directive(name):
    """Return the lines that document a public name; what is a plain value has its comment for a docstring."""
    value = getattr(d2lhelpers, name)
    if inspect.isclass(value):
        return [f".. autoclass:: d2lhelpers.{name}", "   :members:"]
    if inspect.isroutine(value):
        return [f".. autofunction:: d2lhelpers.{name}"]
    comments = ModuleAnalyzer.for_module(f"d2lhelpers.{MODULES[name]}").find_attr_docs()
    lines = [f".. py:data:: d2lhelpers.{name}", f"   :value: {value!r}", ""]
    return [*lines, *(f"   {line}" for line in comments["", name])]


def sign(app, what, name, value, options, signature, returns):
    """Return the signature of a dataclass, in which all have defaults; none for all else, which has its own."""
    if not dataclasses.is_dataclass(value):
        return None
    arguments = [f"{name}={default!r}" for name, default in dataclasses.asdict(value()).items()]
    return f"({', '.join(arguments)})", returns


def chapters_by_name(folder):
    """Return the chapters whose code says ``dh.name``, for each name."""
    found = {}
    for path in sorted(Path(folder).glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        for name in sorted(set(re.findall(r"\bdh\.(\w+)", code))):
            found.setdefault(name, []).append(path.stem)
    return found
