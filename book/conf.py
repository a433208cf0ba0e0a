"""The book as web pages: `make book` runs Sphinx on the notebooks as they are stored, and executes nothing.

It does so once for each edition, whose name it gives as a tag: `sphinx-build --tag zh`.
"""

import sys
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]  # this folder, and d2lhelpers

import d2lhelpers_startup  # noqa: E402

d2lhelpers_startup.install = lambda: None  # MXNet is not here, and nobody is to wait for it

import chapters  # noqa: E402
import chinese_search  # noqa: E402
import editions  # noqa: E402
import reference  # noqa: E402
import tables  # noqa: E402
from sphinx.locale import get_translation  # noqa: E402

edition = next(name for name in editions.LANGUAGES if tags.has(name))  # noqa: F821, a name that Sphinx gives
language = editions.LANGUAGES[edition]
locale_dirs = ["locale"]  # beside the pages; Sphinx compiles its catalogues
_ = get_translation("sphinx")

author = "the authors of d2lhelpers"

extensions = [
    "myst_nb",  # reads notebooks
    "sphinx.ext.mathjax",
    *(["sphinx-mathjax-offline"] if edition == "en" else []),  # MathJax itself, as a part of the pages
    "sphinx_copybutton",
    "sphinx.ext.autodoc",  # the reference, from the docstrings
    "sphinx.ext.napoleon",  # which are in NumPy's style
]
nitpicky = True
exclude_patterns = ["get.md"]  # a part of other pages
templates_path = ["_templates"]

if edition != "en":
    smartquotes_action = "D"  # of the signs only the dashes: who writes in another language types its own marks
    mathjax_path = "../../_static/mathjax/tex-chtml.js"  # 24 MB, which are there once for all editions

nb_execution_mode = "off"
nb_merge_streams = True
# Where there is no kernel, a picture says more than the name of a widget.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js = {}
myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Code has a button that copies it; outputs, and blocks that name no language, have none.
copybutton_selector = "div:not(.output, .highlight-default) > div.highlight > pre"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# What the package imports and these pages do not need.
autodoc_mock_imports = ["anywidget", "d2l", "ipywidgets", "matplotlib", "matplotlib_inline", "mxnet", "pooch", "tqdm"]
add_module_names = False
napoleon_google_docstring = False
napoleon_use_param = False  # types are sentences here ("array of shape (n,)"), and no names to be linked
napoleon_use_rtype = False
napoleon_use_ivar = True  # a list of a class's attributes
default_role = "py:obj"  # `name` in a docstring is another function, or an argument
nitpick_ignore_regex = [("py:.*", ".*")]  # which is no target; nor is the type of an attribute

html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,  # has a menu; download.html is one button, for the notebook
    "use_fullscreen_button": False,
    "article_header_end": ["language", "download", "article-header-buttons"],
    "article_footer_items": ["enlarged"],
    "navbar_persistent": [],  # the search stands above the contents
    "footer_content_items": [],
    "home_page_in_toc": True,
}
html_sidebars = {"**": ["search-button-field", "sbt-sidebar-nav"]}
html_context = {"default_mode": "auto"}  # dark or light as the reader's system is
UNTRANSLATED = [  # attributes
    ("aria-label", "Main"),
    ("aria-label", "Page"),
    ("title", "Toggle primary sidebar"),
    ("title", "Toggle secondary sidebar"),
]
FONT = "../d2lhelpers/language/zh/NotoSansSC-"
FRAMES = Path(__file__).parent / "frames" / edition  # a folder for each chapter that has figures with sliders
html_static_path = ["_static", f"{FONT}Regular.ttf", f"{FONT}LICENSE.txt", f"frames/{edition}"]
html_css_files = ["book.css", "chinese.css"]
html_js_files = ["contents.js", "figures.js", "scrolls.js", "steps.js"]
html_favicon = "_static/favicon.svg"
html_show_sphinx = False
html_show_copyright = False


def show_tables_on_narrow_pages(app, page, template, context, doctree):
    """Change the tables of a page."""
    context["body"] = tables.for_narrow_pages(context.get("body", ""))


def name_in_the_language(app, config):
    """Set what is said on each page, now that there are translations."""
    config.project = config.html_title = _("Deep learning's first chapter, by running it")
    config.html_theme_options |= {"toc_title": _("On this page"), "search_bar_text": _("Search...")}


def lead_to_the_other_editions(app, page, template, context, doctree):
    """Tell the page of its twins."""
    context["twins"] = editions.twins(edition, context["content_root"], page)
    context["metatags"] = context.get("metatags", "") + editions.alternates(context["twins"])


def translate_what_the_theme_does_not(app, error):
    """Put a translation in place of each text that is English in the theme's templates, whatever the language is."""
    for page in Path(app.outdir).glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for name, english in UNTRANSLATED:
            text = text.replace(f'{name}="{english}"', f'{name}="{_(english)}"')
        page.write_text(text, encoding="utf-8")


def setup(app):
    """Connect to Sphinx."""
    app.add_search_language(chinese_search.ChineseSearch)
    app.connect("config-inited", name_in_the_language)
    app.connect("source-read", partial(chapters.show, translate=_, frames=FRAMES))
    app.connect("source-read", partial(reference.show, translate=_))
    app.connect("autodoc-process-signature", reference.sign)
    app.connect("html-page-context", show_tables_on_narrow_pages)
    app.connect("html-page-context", lead_to_the_other_editions)
    app.connect("build-finished", translate_what_the_theme_does_not)
