"""The font of the Chinese figures has the characters that are needed, and comes with its licence."""

import sys
from pathlib import Path

from fontTools.ttLib import TTFont
from matplotlib import font_manager

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import chinese_font  # noqa: E402

FONT = TTFont(chinese_font.FONT)
CHARACTERS = {chr(code) for code in FONT.getBestCmap()}


def test_it_has_the_first_level_of_gb_2312():
    assert chinese_font.gb2312(chinese_font.FIRST_LEVEL) <= CHARACTERS


def test_it_has_all_that_is_used_or_matplotlibs_own_font_has_it():
    own = TTFont(font_manager.findfont("DejaVu Sans")).getBestCmap()
    lacking = {character for character in chinese_font.used() - CHARACTERS if ord(character) not in own}
    assert not lacking, "run tools/chinese_font.py"


def test_it_is_small_and_called_by_its_name():
    assert chinese_font.FONT.stat().st_size <= chinese_font.LARGEST
    assert font_manager.get_font(chinese_font.FONT).family_name == "Noto Sans SC"
    assert "SIL Open Font License" in chinese_font.LICENCE.read_text(encoding="utf-8").replace(
        "SIL OPEN FONT LICENSE", ""
    )


def test_what_is_picked_is_what_is_wanted():
    slices = [chinese_font.FONT.read_bytes()]
    font, lacking = chinese_font.make(slices, {"学", "习", "a", "α"})
    assert {chr(code) for code in font.getBestCmap()} == {"学", "习", "a"}
    assert lacking == {"α"}
