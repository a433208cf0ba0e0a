"""The language that learners are spoken to in; `set_language` chooses it.

The source speaks English, in whole sentences with a named field for each value. ``_("epoch {epoch}").format(epoch=1)``
says one of them at once. ``N_("at most {limit}", limit=0.5)`` is one that is said later, such as a hint in a table, or
what a check has found: it is an English string that remembers its sentence and its fields (`Text`), so that it follows
the language at the time when it is shown. Fields may be such texts in turn; a learner's own words are plain strings,
which stay as they are.

Catalogues are those of gettext, a folder for each language: ``zh/LC_MESSAGES/d2lhelpers.po`` for translators, and the
``.mo`` that is read here. ``make catalogues`` brings both up to date. What has no translation is said in English.

Only the standard library is imported, and the syntax is that of Python 3.6: the doctor speaks by way of this.
"""

import gettext
import os
import unicodedata
from functools import reduce
from pathlib import Path

from .. import fonts

_FOLDER = Path(__file__).parent
_DOMAIN = "d2lhelpers"


class Text(str):
    """A sentence in English that can be said in another language later. It is made under the name `N_`.

    Parameters
    ----------
    sentence : str
        With a named field, as `str.format` knows them, for each value.
    **fields
        The values. Those that are of this class are translated, too. Without any, the sentence is taken as it stands,
        whatever braces there are in it.

    Attributes
    ----------
    sentence : str
    fields : dict

    Examples
    --------
    >>> N_("a share of zeros of {share:.2f}", share=0.3)
    'a share of zeros of 0.30'
    >>> N_('for example {"learning_rate": 0.1}')
    'for example {"learning_rate": 0.1}'
    """

    def __new__(*class_and_sentence, **fields):  # so that a field may have any name, before CPython 3.8, too
        """Return the sentence in English, with its fields filled in."""
        cls, sentence = class_and_sentence
        text = str.__new__(cls, sentence.format(**fields) if fields else sentence)
        text.sentence, text.fields = str(sentence), fields
        return text

    def translated(self):
        """Return the text in the language that is chosen now.

        Returns
        -------
        str

        Examples
        --------
        >>> text = N_("at most {limit}", limit=0.5)
        >>> set_language("zh")
        >>> text, text.translated()
        ('at most 0.5', '最多 0.5')
        >>> set_language("en")
        """
        sentence = _catalogue.gettext(self.sentence) if self.sentence else ""
        if not self.fields:
            return sentence
        values = {name: value.translated() if isinstance(value, Text) else value for name, value in self.fields.items()}
        return sentence.format(**values)


N_ = Text  # the name that the catalogues are made from; it is gettext's for what is marked here and translated later


def _(text):
    """Return a text in the language that is chosen now.

    Parameters
    ----------
    text : str
        A sentence of the source, or what `N_` has made.

    Returns
    -------
    str
        In English if there is no translation.

    Examples
    --------
    >>> _("a sentence that nobody has translated")
    'a sentence that nobody has translated'
    """
    return (text if isinstance(text, Text) else Text(text)).translated()


def joined(pair, texts):
    """Return several texts as one.

    Parameters
    ----------
    pair : str
        How two of them are joined, with the fields ``first`` and ``second``.
    texts : iterable of str
        At least one.

    Returns
    -------
    str

    Examples
    --------
    >>> joined(N_("{first} and {second}"), ["1", "2", "3"])
    '1 and 2 and 3'
    """
    return reduce(lambda first, second: Text(pair, first=first, second=second), texts)


def width(text):
    """Return how many columns of a terminal a text takes: a Chinese character takes two.

    Examples
    --------
    >>> width("loss"), width("损失")
    (4, 4)
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def languages():
    """Return the names of the languages that there are, English first.

    Examples
    --------
    >>> languages()
    ('en', 'zh')
    """
    return ("en", *sorted(path.parts[-3] for path in _FOLDER.glob(f"*/LC_MESSAGES/{_DOMAIN}.mo")))


def language():
    """Return the name of the language that is chosen now.

    Examples
    --------
    >>> language()
    'en'
    """
    return _name


def font(name):
    """Return the file of the font that a language brings for its figures, or None if it brings none.

    Examples
    --------
    >>> font("en"), font("zh").name
    (None, 'NotoSansSC-Regular.ttf')
    """
    return next(iter(sorted((_FOLDER / name).glob("*.ttf"))), None)


def set_language(name):
    """Choose the language of all that learners are told: verdicts and hints, lines and tables of a training, figures.

    A language that the font of figures cannot write has one of its own, which the figures to come are written in.

    It is English until this is called, unless the environment variable D2L_LANGUAGE names another one. What `check` has
    shown before stays as it is. Errors are in English in any language, so that they can be searched for.

    Parameters
    ----------
    name : str
        "en" for English, "zh" for Chinese.

    Raises
    ------
    ValueError
        If there is no such language; the message lists those there are.

    Examples
    --------
    >>> set_language("zh")
    >>> language()
    'zh'
    >>> set_language("en")
    >>> set_language("tlh")
    Traceback (most recent call last):
        ...
    ValueError: name must be one of 'en', 'zh', but is 'tlh'; for example dh.set_language("en").
    """
    _choose(name, "name", 'dh.set_language("en")')


def _choose(name, what, example):
    global _name, _catalogue
    known = languages()
    if name not in known:
        names = ", ".join(map(repr, known))
        raise ValueError(f"{what} must be one of {names}, but is {name!r}; for example {example}.")
    _catalogue = gettext.NullTranslations() if name == "en" else gettext.translation(_DOMAIN, _FOLDER, [name])
    _name = name
    fonts.use(font(name))


_choose(os.environ.get("D2L_LANGUAGE") or "en", "the environment variable D2L_LANGUAGE", "D2L_LANGUAGE=en")
