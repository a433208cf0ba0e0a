"""Which language the locale asks for; the notebooks do not ask it, commands do."""

import re

from . import languages


def language_of_locale(environ):
    """Return the name of the first language that the locale asks for and that there is, else "en".

    The variables are asked as gettext does it: LC_ALL, LC_MESSAGES and LANG, of which the first that is set counts; but
    LANGUAGE, a list, comes before them, if they name any locale but C.

    Parameters
    ----------
    environ : mapping from str to str
        The environment variables.

    Returns
    -------
    str

    Examples
    --------
    >>> language_of_locale({"LANG": "zh_CN.UTF-8"}), language_of_locale({"LANG": "fr_FR.UTF-8"})
    ('zh', 'en')
    >>> language_of_locale({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"})
    'zh'
    """
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    names = [locale] if locale in ("C", "POSIX") else [*environ.get("LANGUAGE", "").split(":"), locale]
    spoken = (re.split("[_.@-]", name)[0].lower() for name in names)
    return next((name for name in spoken if name in languages()), "en")
