"""What a Jupyter kernel needs before anything is drawn; without matplotlib."""

import os
import sys

INLINE = "module://matplotlib_inline.backend_inline"
# Machines that run programs without a screen often have one of the first in MPLBACKEND.
FILES_ONLY = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
WINDOWS = ("gtk", "qt", "tk", "wx")


def shows_nothing(backend):
    """Tell whether a way to draw, as MPLBACKEND names it, shows no figures here.

    Examples
    --------
    >>> shows_nothing("Agg"), shows_nothing("module://matplotlib_inline.backend_inline")
    (True, False)
    """
    backend = backend.lower()
    has_screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return backend in FILES_ONLY or (backend.startswith(WINDOWS) and not has_screen)


def kernel_shell():
    """Return the IPython of the Jupyter kernel that this is, or None outside of a kernel.

    Examples
    --------
    >>> kernel_shell() is None
    True
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return None if getattr(shell, "kernel", None) is None else shell


def show_figures():
    """Have a notebook show its figures, where MPLBACKEND names a way to draw that shows none.

    Nothing is changed outside of a Jupyter kernel, nor where figures are shown in another way.

    Examples
    --------
    >>> show_figures()
    """
    shell = kernel_shell()
    if shell is not None and shows_nothing(os.environ.get("MPLBACKEND", "")):
        os.environ["MPLBACKEND"] = INLINE
        if "matplotlib" in sys.modules:  # which has read the variable
            shell.run_line_magic("matplotlib", "inline")
