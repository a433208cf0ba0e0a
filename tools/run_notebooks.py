"""Execute every notebook from top to bottom, and end in a table of how it went, and where to read what came out.

Without an option the executed notebooks and web pages of them go into ``build/``; with ``--store`` the outputs are
stored in the notebooks themselves, together with the picture of each chapter in ``images/`` beside them. Each edition
in another language has a folder of its own, in ``notebooks/`` as in ``build/``.
"""

import argparse
import base64
import os
import re
import sys
import time
from pathlib import Path

import frames
import nbformat
import pictures
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from notebook_paths import NOTEBOOKS, language_of, notebooks
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
FRAMES = ROOT / "book" / "frames"  # a folder for each edition
COVER = "cover"  # the tag of the cell whose figure stands for the chapter


def execute(notebook, path, frames_into=None):
    """Execute the `notebook` of a file in place in a new kernel, and return the error that stopped it, or None.

    Frames of its figures with sliders are drawn into a folder, if one is named.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    num_cells = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
        record_timing=False,  # times in the metadata would make each stored run differ from the one before
        extra_arguments=["--log-level=ERROR"],  # the kernel's own warnings would tear the progress bars apart
    )
    with tqdm(total=num_cells, desc=path.stem, unit="cell", leave=False) as bar:
        client.on_cell_executed = lambda **_: bar.update()
        try:
            with client.setup_kernel():
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index)
                if frames_into:
                    frames.store(client, notebook, frames_into)
        except CellExecutionError as error:
            return error
    return None


def cover(notebook):
    """Return the figure of the cell that is tagged as the chapter's cover, as PNG, or None."""
    for cell in notebook.cells:
        if COVER in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    return None


def keep_pictures(notebook, stored):
    """Take the stored pictures for those that are the same but for the tolerance: nothing has changed that one sees."""
    cells = {cell.get("id"): cell for cell in stored.cells}
    for cell in notebook.cells:
        new, old = (pictures.of_outputs(each.get("outputs", [])) for each in (cell, cells.get(cell.get("id"), {})))
        if len(new) == len(old):
            for (forms, form), (old_forms, old_form) in zip(new, old, strict=True):
                if form == old_form and pictures.are_the_same(old_forms[form], forms[form]):
                    forms[form] = old_forms[form]


def copy_of(path):
    """Return where the executed copy of a notebook goes: into a folder for each language, as in ``notebooks/``."""
    language = language_of(path, NOTEBOOKS)
    return BUILD / path.name if language == "en" else BUILD / language / path.name


def save(notebook, path, store):
    """Write the executed notebook, and beside it its web page or, to be stored, its cover."""
    CoalesceStreamsPreprocessor().preprocess(notebook, {})  # one output, however the kernel's buffer was flushed
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # Widgets live with their kernel, under random names; their picture, in the same output, stays.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    # What differs between the machines and the kernels of authors is nobody's business.
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    }
    if store:
        keep_pictures(notebook, nbformat.read(path, as_version=4))
        nbformat.write(notebook, path)
        picture = cover(notebook)
        if picture:
            images = path.parent / "images"
            images.mkdir(exist_ok=True)
            (images / path.with_suffix(".png").name).write_bytes(picture)
    else:
        copy = copy_of(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, copy)
        # The pages are read offline too, so that pictures go into them.
        page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook, {"metadata": {"path": str(path.parent)}})
        page = re.sub(r'href="((?:\.\./|\w\w/)?\d\d_\w+)\.ipynb', r'href="\1.html', page)  # from page to page
        copy.with_suffix(".html").write_text(page, encoding="utf-8")


def main():
    """Execute the notebooks that were asked for, print a table, and return 0 if all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="all in notebooks/ if none is named")
    parser.add_argument("--store", action="store_true", help="store the outputs in the notebooks themselves")
    options = parser.parse_args()

    # A run of all notebooks is no learner's: what it solves is noted nowhere, and each speaks its own language.
    os.environ["D2L_PROGRESS"] = os.devnull
    os.environ.pop("D2L_LANGUAGE", None)

    rows, errors = [], []
    paths = options.notebooks or notebooks(NOTEBOOKS)
    for path in tqdm(paths, desc="notebooks", unit="notebook"):
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        language = language_of(path, NOTEBOOKS)
        error = execute(notebook, path, FRAMES / language / path.stem if options.store else None)
        seconds = time.perf_counter() - start
        cells = sum(cell.get("execution_count") is not None for cell in notebook.cells)
        name = copy_of(path).relative_to(BUILD).as_posix()
        rows.append((name, cells, f"{seconds:.1f}", "no" if error else "yes"))
        if error:
            errors.append(f"{name}: {error}")
        if not (error and options.store):
            save(notebook, path, options.store)

    for error in errors:
        print(f"\n{error}", file=sys.stderr, flush=True)
    width = max(len(row[0]) for row in rows)
    print(f"\n{'notebook':{width}}  cells  seconds  ok")
    for name, cells, seconds, ok in rows:
        print(f"{name:{width}}  {cells:5}  {seconds:>7}  {ok}")
    if not options.store:
        first = os.path.relpath(copy_of(paths[0]).with_suffix(".html"))
        print(f"\nOpen {first} in a browser to read what came out.")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
