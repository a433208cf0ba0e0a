"""The notebooks as the book shows them: numbered, with captions under their figures; and the map of them.

Sphinx hands each page over before it reads it. What is changed here is changed on the page alone: the notebook stays
as it is, and so it is downloaded. What is added is translated into the language of the edition.
"""

import html
import json
import re
from pathlib import Path

# Where the chapters' subjects stand in the book's first edition, which is the one in MXNet Gluon.
SECTIONS = {
    "01": "Sections 3.1 and 3.2",
    "02": "Section 3.3",
    "03": "Sections 3.4 to 3.6",
    "04": "Section 3.7",
    "05": "Sections 3.11 and 3.12",
    "06": "Sections 3.8 to 3.10 and 3.13",
    "07": "Sections 3.14 and 3.15",
    "08": "Sections 3.11 and 3.16",
    "09": "Sections 8.4 and 8.5",
}
PAGES = {"data/README.md": "#d2lhelpers.load_digits"}  # that say what files of the repository do
CHAPTER = re.compile(r"(\d\d)_\w+")  # the name of a notebook
MAP = "{{ chapters }}"  # where index.md wants them
ROW = re.compile(  # of the table in 00_start_here.ipynb
    r"""^\| \s \[ .*? \]\( (?P<file>\w+\.ipynb) \)
    \s \| \s \[ (?P<picture> !\[ .*? \]\( \S+ \) ) \]\( \S+ \)
    \s \| \s (?P<line> .*? ) \s \|$""",
    re.MULTILINE | re.VERBOSE,
)


def show(app, docname, source, translate=str, frames=Path()):
    """Change the text of a page, ``source[0]``, before Sphinx reads it.

    In `frames` are pictures of its figures with sliders, if there are any, as ``tools/frames.py`` draws them.
    """
    if docname == "index":
        before, after = source[0].split(MAP)
        source[0] = before + chapter_map(app.srcdir, translate) + after
    elif name := CHAPTER.fullmatch(docname):
        notebook = json.loads(source[0])
        put_links(notebook)
        put_number(notebook, name[1], translate)
        put_captions(notebook, name[1], translate, frames / docname)
        put_sliders(notebook, frames / docname)
        if name[1] == "00":
            get = {"cell_type": "markdown", "id": "get", "metadata": {}, "source": "```{include} get.md\n```"}
            notebook["cells"].insert(1, get)
        source[0] = json.dumps(notebook)


def chapter_map(folder, translate=str):
    """Return the chapters as a list in Markdown: picture, title, what it does, where it stands in the book."""
    start = (Path(folder) / "00_start_here.ipynb").read_text(encoding="utf-8")
    text = "\n".join("".join(cell["source"]) for cell in json.loads(start)["cells"])
    rows = {row["file"]: row for row in ROW.finditer(text)}
    both = translate("{line} *{sections}.*")
    lines = ["{.chapters}"]
    for path in sorted(Path(folder).glob("0[1-9]_*.ipynb")):
        row = rows[path.name]
        lines += [
            f"- [{row['picture']}]({path.name})",
            "",
            f"  **[]({path.name})**",
            "",
            "  " + both.format(line=row["line"], sections=translate(SECTIONS[path.name[:2]])),
            "",
        ]
    return "\n".join(lines)


def put_links(notebook):
    """Lead from a chapter to a page where it links to a file that has none."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            for file, page in PAGES.items():
                text = re.sub(rf"\]\((?:\.\./)+{re.escape(file)}\)", f"]({page})", text)
            cell["source"] = text


def put_number(notebook, number, translate=str):
    """Write the number of a chapter before its title, and the sections of the book below it."""
    cell = notebook["cells"][0]
    title, text = "".join(cell["source"]).removeprefix("# ").split("\n", 1)
    if number in SECTIONS:
        line = translate("{sections} of *Dive into Deep Learning*, first edition")
        text = f"\n{{.sections}}\n{line.format(sections=translate(SECTIONS[number]))}\n{text}"
    cell["source"] = f"# {number} {title}\n{text}"


def put_captions(notebook, number, translate=str, frames=Path()):
    """Write below each figure of a chapter its number, what it says, and what it changes with."""
    figures = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                figures += 1
                label = translate("Figure {number}").format(number=f"{number}.{figures}")
                caption = f"**{label}**"
                if title := takeaway(output):
                    caption += f" [{title}]{{.takeaway}}"  # book.css shows it where the picture's own is too small
                if names := controls(output):
                    line = translate("In the notebook it changes with: {controls}. Here it is as it begins.")
                    if stepped(cell, frames):
                        line = translate("In the notebook it changes with: {controls}. Here each has a few steps.")
                    caption += f" {line.format(controls=names)}"
                cell["metadata"].setdefault("mystnb", {})["figure"] = {"caption": caption}


def put_sliders(notebook, frames):
    """Put a slider of a few steps below a figure for each that it has in the notebook; steps.js moves them."""
    for place, cell in reversed([*enumerate(notebook["cells"])]):
        if sliders := stepped(cell, frames):
            lines = [f'<div class="steps" data-frames="_static/{frames.name}/{cell["id"]}" hidden>']
            for slider in sliders:
                label, values, start = html.escape(slider["label"]), slider["values"], slider["start"]
                places = f'max="{len(values) - 1}" value="{start}" data-values="{html.escape(json.dumps(values))}"'
                value = html.escape(values[start])
                lines.append(f'<label>{label} <input type="range" {places}> <output>{value}</output></label>')
            source = "\n".join(["```{raw} html", *lines, "</div>", "```"])
            notebook["cells"].insert(
                place + 1, {"cell_type": "markdown", "id": f"{cell['id']}-steps", "metadata": {}, "source": source}
            )


def stepped(cell, frames):
    """Return the sliders of a cell's figure that can be stepped through: labels, values as text, where they start."""
    described = frames / cell.get("id", "of no name") / "sliders.json"
    return json.loads(described.read_text(encoding="utf-8")) if described.exists() else []


def controls(output):
    r"""Return what a figure changes with, which is in the first line of its plain text; empty if it has no controls.

    Examples
    --------
    >>> controls({"data": {"text/plain": ["figure that changes with: rate, degree\n", "It is a bowl."]}})
    'rate, degree'
    >>> controls({"data": {"text/plain": ["<Figure size 100x100 with 1 Axes>"]}})
    ''
    """
    line = "".join(output["data"]["text/plain"]).split("\n")[0]
    return "" if line.startswith("<") else re.split("[:：]", line)[1].strip()


def takeaway(output):
    r"""Return the title of a figure, which its plain text has below the first line; empty if there is none.

    Examples
    --------
    >>> takeaway({"data": {"text/plain": ["<Figure size 100x100 with 1 Axes>\n", "It is a bowl."]}})
    'It is a bowl.'
    """
    _, _, title = "".join(output["data"]["text/plain"]).partition("\n")
    return title.replace("\n", " ")
