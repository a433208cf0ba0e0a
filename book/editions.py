"""The editions of the book: one for each language. Their pages stand side by side, and each leads to its twins.

The pages of the English edition are in this folder, those of another one in a folder that is called as the edition is.
What the theme says, and what these modules add to a page, is translated in ``locale``, by the catalogues of gettext.
"""

from html import escape

from babel import Locale

LANGUAGES = {"en": "en", "zh": "zh_CN"}  # what Sphinx calls the language of each edition


def twins(edition, root, pagename):
    """Return the links from a page to all editions of it.

    Parameters
    ----------
    edition : str
        That of the page.
    root : str
        How the page refers to the folder of its edition, with a slash at its end.
    pagename : str
        As Sphinx has it.

    Returns
    -------
    list of dict
        For each edition its ``tag``, as HTML has it, the ``name`` that its readers call their language by, the
        ``address`` of the page in it, and whether it is another edition than that of the page.

    Examples
    --------
    >>> twins("en", "./", "index")[1]
    {'tag': 'zh-CN', 'name': '中文', 'address': './zh/index.html', 'is_other': True}
    >>> twins("zh", "./", "index")[0]
    {'tag': 'en', 'name': 'English', 'address': './../index.html', 'is_other': True}
    """
    front = root if edition == "en" else f"{root}../"
    return [
        {
            "tag": language.replace("_", "-"),
            "name": Locale.parse(name).get_display_name(),
            "address": f"{front}{'' if name == 'en' else f'{name}/'}{pagename}.html",
            "is_other": name != edition,
        }
        for name, language in LANGUAGES.items()
    ]


def alternates(links):
    """Return what tells programs of the editions of a page, as HTML; the English one is for all other languages."""
    links = [*((link["tag"], link["address"]) for link in links), ("x-default", links[0]["address"])]
    return "".join(f'<link rel="alternate" hreflang="{tag}" href="{escape(address)}" />\n' for tag, address in links)
