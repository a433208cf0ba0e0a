"""Collect the texts of d2lhelpers, and bring the translations up to date with them: `make catalogues`.

A language is a folder, ``d2lhelpers/language/zh/LC_MESSAGES``. An empty one gets a catalogue without translations, to
begin with. A translation stays as long as its text stands in the source, letter for letter.
"""

from datetime import datetime, timezone
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ROOT / "d2lhelpers" / "language"
KEYWORDS = {"_": None, "N_": None}
_HEADER = {  # no date that changes, and nobody's name
    "project": "d2lhelpers",
    "version": "0.1.0",
    "msgid_bugs_address": "d2lhelpers",
    "last_translator": "d2lhelpers",
    "language_team": "d2lhelpers",
    "header_comment": "# Translations of d2lhelpers; `make catalogues` keeps this file.",
    "creation_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "revision_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "fuzzy": False,
}


def collect():
    """Return a catalogue of all texts in the source, in its order, without translations."""
    catalog = Catalog(**_HEADER)
    for name, _, text, _, _ in extract_from_dir(ROOT / "d2lhelpers", keywords=KEYWORDS):
        catalog.add(text, locations=[(f"d2lhelpers/{Path(name).as_posix()}", None)])
    return catalog


def read(path, language):
    """Return the catalogue in a file, or an empty one if there is none."""
    catalog = Catalog(locale=language, **_HEADER)
    if path.exists():
        with open(path, "rb") as file:
            for message in read_po(file):
                if message.id:
                    catalog.add(message.id, message.string, message.locations, message.flags)
    return catalog


def write(catalog, path):
    """Write a catalogue into a file, and beside it what programs read of it."""
    with open(path, "wb") as file:
        write_po(file, catalog, width=0, ignore_obsolete=True, include_lineno=False)
    with open(path.with_suffix(".mo"), "wb") as file:
        write_mo(file, catalog)


def main():
    """Update and compile the catalogues of all languages."""
    texts = collect()
    for folder in sorted(LANGUAGES.glob("*/LC_MESSAGES")):
        path = folder / "d2lhelpers.po"
        catalog = read(path, folder.parent.name)
        catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
        write(catalog, path)
        done = sum(bool(message.string) for message in catalog if message.id)
        print(f"{folder.parent.name}: {done} of {len(catalog)} texts are translated")


if __name__ == "__main__":
    main()
