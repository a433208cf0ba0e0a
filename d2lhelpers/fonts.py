"""The font of figures. Matplotlib's own, DejaVu Sans, has no Chinese characters, so a language may bring a font.

Nothing is imported for it: where matplotlib is not there yet, the font waits until it is.
"""

import sys

import d2lhelpers_startup

_FONTS = "matplotlib.font_manager"  # whatever draws a text imports it
_FALLBACK = "DejaVu Sans"  # for signs that a font lacks, such as Greek letters

_path = None
_families_before = None


def use(path):
    """Have the figures to come written in a font. Those that are there already stay as they are.

    Parameters
    ----------
    path : pathlib.Path or None
        A font's file. None brings back the font that was there before.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> from d2lhelpers import language
    >>> use(language.font("zh"))
    >>> mpl.rcParams["font.family"]
    ['Noto Sans SC', 'DejaVu Sans']
    >>> use(None)
    >>> mpl.rcParams["font.family"]
    ['sans-serif']
    """
    global _path
    _path = path
    if _FONTS in sys.modules:
        _apply(sys.modules[_FONTS])
    elif path and _WAITING not in sys.meta_path:
        sys.meta_path.insert(0, _WAITING)


def _apply(fonts):
    global _families_before
    settings = sys.modules["matplotlib"].rcParams
    if _path:
        known = any(font.fname == str(_path) for font in fonts.fontManager.ttflist)
        if not known:
            fonts.fontManager.addfont(_path)
        _families_before = _families_before or settings["font.family"]
        settings["font.family"] = [fonts.get_font(_path).family_name, _FALLBACK]
    elif _families_before:
        settings["font.family"], _families_before = _families_before, None


def _execute_fonts(loader, module):
    loader.exec_module(module)
    _apply(module)


_WAITING = d2lhelpers_startup.Finder(_FONTS.__eq__, _execute_fonts)
