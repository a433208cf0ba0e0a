"""Where the notebooks lie: those in English in ``notebooks/``, each other edition in a folder of its own there."""

from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def languages(folder=NOTEBOOKS):
    """Return the names of the editions beside the English one: the folders of ``notebooks`` that hold notebooks."""
    return sorted({path.parent.name for path in folder.glob("*/*.ipynb") if not path.parent.name.startswith(".")})


def notebooks(folder=NOTEBOOKS):
    """Return the paths of all notebooks of all editions, English first."""
    return [
        path for place in (folder, *map(folder.joinpath, languages(folder))) for path in sorted(place.glob("*.ipynb"))
    ]


def language_of(path, folder=NOTEBOOKS):
    """Return the name of the language of a notebook; one that lies elsewhere counts as English."""
    path = path.resolve()
    return path.parent.name if path.parent.parent == folder.resolve() else "en"


def name_of(path):
    """Return the short name of a notebook: that of its file, with the folder of its language, if any."""
    return path.name if language_of(path) == "en" else f"{path.parent.name}/{path.name}"
