"""How a verdict looks: a sign, and in a notebook a colour too, so that it can be told from others at a glance.

The signs differ in shape and in colour. Each stands in white on its own colour, so that light and dark pages show it
alike; the colours are taken from those that M. Okabe and K. Ito have chosen for all kinds of colour vision (2002), and
darkened until white can be read on them. A terminal, and the check of the stored outputs, get the plain text.
"""

from html import escape

_SIGNS = {  # by what has come out: the sign, and its colour
    "right": ("✓", "#00795a"),
    "not right yet": ("✗", "#b84d00"),
    "not answered yet": ("○", "#626a73"),
}


class Shown:
    """A verdict on an exercise, for `IPython.display.display`.

    Parameters
    ----------
    number : str
        Of the exercise.
    verdict : Verdict

    Examples
    --------
    >>> from d2lhelpers.exercises.judging import Verdict
    >>> Shown("00.1", Verdict("right", "It is even."))
    ✓ 00.1 right. It is even.
    >>> Shown("00.1", Verdict("not answered yet"))
    ○ 00.1 not answered yet
    """

    def __init__(self, number, verdict):
        self._number, self._verdict = number, verdict

    def __repr__(self):
        sign, _ = _SIGNS[self._verdict.outcome]
        return f"{sign} {self._number} {self._verdict.text}"

    def _repr_html_(self):
        sign, color = _SIGNS[self._verdict.outcome]
        first, *rest = self._verdict.text.splitlines()
        badge = f"background: {color}; color: white; border-radius: 3px; padding: 0 0.4em; margin-right: 0.5em;"
        html = f'<strong style="{badge}">{sign}</strong><strong>{self._number}</strong> {escape(first)}'
        if rest:
            lines = escape("\n".join(rest))
            html += f'<pre style="background: none; border: none; margin: 0.3em 0 0; padding: 0;">{lines}</pre>'
        return f'<div style="border-left: 4px solid {color}; margin: 0.2em 0; padding: 0.2em 0.8em;">{html}</div>'
