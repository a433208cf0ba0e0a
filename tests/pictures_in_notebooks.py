"""A plugin of pytest: where nbval has run a cell, its figures are compared with the stored ones, as pixels.

nbval compares pictures byte by byte or not at all, and bytes differ from processor to processor. What differs is left
in ``build/figures``: the new picture, the stored one, and a pale one where red marks the difference.
"""

import sys
from itertools import zip_longest
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, NbCellError

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
import pictures

# The tag of a cell whose figure shows what each processor computes a little differently, such as rounding errors.
COARSELY = "compare-coarsely"
HOW_TO_ACCEPT = "If this is what you want, `make store` stores the new one; look at it before you commit it."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Compare the pictures of a cell after nbval has compared its text; if that differs, say so of both."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    remove_old_files(item)
    try:
        result = yield
    except NbCellError as error:
        if str(error) == "Cell outputs differ":
            error.inner_traceback = "\n".join([error.inner_traceback, *what_differs(item)])
        raise
    if differences := what_differs(item):
        item.raise_cell_error("Cell pictures differ", "\n".join(differences))
    return result


def what_differs(item):
    """Compare the pictures of a cell that has run; return a text for each that differs, and write its files."""
    if not item.options["check"] or item.cell.execution_count is None:
        return []
    drawn, stored = (
        [pictures.decode(data[form]) for data, form in pictures.of_outputs(outputs)]
        for outputs in (item.test_outputs, item.cell.outputs)
    )
    texts = []
    for number, (new, old) in enumerate(zip_longest(drawn, stored), start=1):
        found = {"new": new, "stored": old}
        if old is None:
            words = "drawn, but no such picture is stored"
        elif new is None:
            words = "stored, but no such picture was drawn"
        else:
            difference = pictures.compare(old, new, COARSELY in item.cell.metadata.get("tags", []))
            if difference is None:
                continue
            words = difference.words
            found["difference"] = difference.picture
        paths = write(item, number, found)
        which = f"Picture {number} of cell {item.cell_num} of {item.path.name}"
        texts.append("\n".join([f"{which} is {words}.", *paths, HOW_TO_ACCEPT]))
    return texts


def folder(item):
    """Return where pictures that differ are left."""
    return item.config.rootpath / "build" / "figures"


def name_of(item):
    """Return the name of a cell's notebook, with its folders below ``notebooks``: that of the language, for example."""
    path, root = item.path.with_suffix(""), item.config.rootpath
    parts = path.relative_to(root).parts if path.is_relative_to(root) else (path.name,)
    return "-".join(parts[1:] if parts[0] == "notebooks" else parts)


def remove_old_files(item):
    """Remove what an earlier run has left of this cell, and with the first cell what it has left of the notebook."""
    cell = f"{item.cell_num:02}" if item.cell_num else "[0-9]"
    for path in folder(item).glob(f"{name_of(item)}-{cell}*.png"):
        path.unlink()


def write(item, number, found):
    """Write the pictures into files, and return a line for each."""
    folder(item).mkdir(parents=True, exist_ok=True)
    which = f"{name_of(item)}-{item.cell_num:02}{f'-{number}' if number > 1 else ''}"
    lines = []
    for kind, picture in found.items():
        if picture is not None:
            path = folder(item) / f"{which}-{kind}.png"
            picture.save(path)
            lines.append(f"  {kind + ':':11} {path.relative_to(item.config.rootpath)}")
    return lines
