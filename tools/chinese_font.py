"""Make the font of the Chinese figures: those characters of Noto Sans SC that learners and notebooks need.

They are the 3,755 of the first level of GB 2312, which are most of what is written in China, the signs of the same
standard, Latin letters, and all that stands in the Chinese notebooks, in the catalogues and on the pages of the book,
which fall back to this font. It comes in slices, in the npm package @fontsource/noto-sans-sc; what is wanted of each is
joined to one file for matplotlib. It needs npm.
"""

import io
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from fontTools import merge, subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "@fontsource/noto-sans-sc@5.3.0"
FOLDER = ROOT / "d2lhelpers" / "language" / "zh"
FONT, LICENCE = FOLDER / "NotoSansSC-Regular.ttf", FOLDER / "NotoSansSC-LICENSE.txt"
SLICE = re.compile(r"package/files/noto-sans-sc-(\S+)-400-normal\.woff")
LARGEST = 1_500_000  # bytes
FIRST_LEVEL, SIGNS = range(0xB0, 0xD8), range(0xA1, 0xAA)  # rows of GB 2312
# What matplotlib does not need: hints for coarse screens, and rules for setting text that it does not follow.
TABLES = ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG", "STAT", "DSIG", "prep", "gasp", "fpgm", "cvt "]
NAMES = {1: "Noto Sans SC", 2: "Regular", 4: "Noto Sans SC Regular", 6: "NotoSansSC-Regular"}


def gb2312(rows):
    """Return the characters in some rows of the standard GB 2312.

    Examples
    --------
    >>> len(gb2312(FIRST_LEVEL))
    3755
    """
    codes = (bytes([row, cell]) for row in rows for cell in range(0xA1, 0xFF))
    return set("".join(code.decode("gb2312", errors="ignore") for code in codes))


def used():
    """Return the characters of the Chinese notebooks, of the catalogues and of the pages."""
    patterns = ["notebooks/zh/*.ipynb", "d2lhelpers/language/zh/**/*.po", "book/locale/zh_CN/**/*.po", "book/zh/*.md"]
    paths = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return set("".join(path.read_text(encoding="utf-8") for path in paths)) - {"\n"}


def fetch():
    """Return the slices of the font, as files in memory, the one with the most characters first; and its licence."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", PACKAGE]
        name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder, name)) as archive:
            slices = {m[1]: archive.extractfile(m[0]).read() for m in map(SLICE.fullmatch, archive.getnames()) if m}
            licence = archive.extractfile("package/LICENSE").read().decode()
    return [slices[name] for name in sorted(slices, key=lambda name: (name != "chinese-simplified", name))], licence


def pick(data, wanted):
    """Return a slice with nothing but the characters that are wanted, and these; None if it has none of them."""
    font = TTFont(io.BytesIO(data), recalcTimestamp=False)
    found = {character for character in wanted if ord(character) in font.getBestCmap()}
    if not found:
        return None, found
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False)
    options.drop_tables += TABLES
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(found)))
    subsetter.subset(font)
    font.flavor = None
    picked = io.BytesIO()
    font.save(picked)
    return io.BytesIO(picked.getvalue()), found


def make(slices, wanted):
    """Join what is wanted of the slices to one font; return it, and the characters that none of them has."""
    parts, left = [], set(wanted)
    for data in slices:
        part, found = pick(data, left)
        left -= found
        if part:
            parts.append(part)
    head = TTFont(parts[0])["head"]
    font = merge.Merger().merge(parts)
    for record in font["name"].names:
        record.string = NAMES.get(record.nameID, record.toUnicode())
    font["OS/2"].usWeightClass = 400
    font["head"].created, font["head"].modified, font.recalcTimestamp = head.created, head.modified, False
    return font, left


def main():
    """Write the font and its licence."""
    slices, licence = fetch()
    letters = {chr(code) for code in [*range(0x20, 0x7F), *range(0xA0, 0x100)]} | set("−…–—“”‘’")
    font, lacking = make(slices, gb2312(FIRST_LEVEL) | gb2312(SIGNS) | letters | used())
    FOLDER.mkdir(parents=True, exist_ok=True)
    font.save(FONT)
    LICENCE.write_text(licence, encoding="utf-8")
    print(f"{FONT.name}: {len(font.getBestCmap())} characters, {FONT.stat().st_size:,} bytes")
    print(f"not in the font, so that another one shows them: {''.join(sorted(lacking))}")
    return int(FONT.stat().st_size > LARGEST or bool(lacking & gb2312(FIRST_LEVEL)))


if __name__ == "__main__":
    sys.exit(main())
