"""The pages of the book, as a reader meets them: on a desk and on a phone, in light and in dark, without a network."""

import json
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from conftest import ROOT, eventually

BOOK = ROOT / "build" / "book"
CHAPTERS = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
OTHERS = ["install", "teaching", "checks"]  # pages of words, without figures
PAGES = ["index", *CHAPTERS, *OTHERS]
DESK, PHONE = (1280, 900), (390, 844)

all_pages = pytest.mark.parametrize("name", PAGES)
all_chapters = pytest.mark.parametrize("name", CHAPTERS)
all_looks = pytest.mark.parametrize(
    "look", [(DESK, "light"), (DESK, "dark"), (PHONE, "light")], ids=["desk", "dark", "phone"]
)


@pytest.fixture
def read(open_page, book):
    """Return a function that opens a page of the book, and waits until MathJax has done its work."""

    def read(name, size=DESK, scheme="light"):
        watched = open_page(f"{book}{name}.html", book, size, scheme)
        wait_for_mathematics(watched.page)
        assert_it_stands_still(watched.page, scheme)
        return watched

    return read


def assert_it_stands_still(page, scheme):
    """Nothing moves, nothing can begin to, and the colours are those of the reader's choice."""
    assert page.evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
    moving = """() => [...document.querySelectorAll("*")].filter(element => {
        const style = getComputedStyle(element);
        return style.transitionDuration != "0s" || style.animationName != "none";
    }).map(element => element.outerHTML.slice(0, 100))"""
    assert page.evaluate(moving) == []
    assert page.evaluate("() => document.getAnimations().length") == 0
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme


def prose(name):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def wait_for_mathematics(page):
    page.wait_for_function("() => !document.querySelector('.math') || document.querySelector('mjx-container')")
    page.evaluate("() => Promise.all([window.MathJax?.startup.promise, document.fonts.ready])")


@all_looks
@all_pages
def test_page_opens_without_an_error(read, screenshot, name, look, request):
    watched = read(name, *look)
    page = watched.page
    screenshot(page, f"book-{name}-{request.node.callspec.id.split('-')[-1]}")
    assert page.locator("h1:visible").count() == 1
    # What prepares Colab is of no use to a reader of a chapter.
    assert name == "install" or "D2L_SOURCE" not in page.content()
    broken = "() => [...document.images].filter(i => !(i.naturalWidth && i.clientWidth)).map(i => i.outerHTML)"
    assert page.evaluate(broken) == []
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == look[1]
    assert watched.wrong == []


@all_looks
@all_pages
def test_page_is_accessible(read, name, look):
    # The glyphs of formulas are hundreds of elements of one colour; what a screen reader gets stands beside them.
    options = {"resultTypes": ["violations"]}  # what is well is not described, which takes as long again
    results = Axe().run(read(name, *look).page, context={"exclude": ["mjx-math"]}, options=options)
    assert results.violations_count == 0, results.generate_report()


@all_pages
def test_nothing_scrolls_sideways_on_a_phone(read, name):
    page = read(name, PHONE).page
    page.evaluate("() => scrollTo({left: 500, behavior: 'instant'})")
    assert page.evaluate("() => [scrollX, document.documentElement.scrollWidth, innerWidth]") == [0, PHONE[0], PHONE[0]]


@all_pages
def test_figures_have_a_text(read, name):
    texts = read(name).page.evaluate("() => [...document.querySelectorAll('main img')].map(i => i.alt)")
    assert len(texts) >= (0 if name in OTHERS else 1 if name == "index" else 3)
    assert not [text for text in texts if len(text.split()) < 4 or text.endswith(".png")]


@all_chapters
def test_mathematics_is_typeset(read, name):
    page = read(name).page
    formulas = page.evaluate(
        """() => [...document.querySelectorAll(".math")].map(formula => {
            const typeset = formula.querySelector("mjx-math")?.getBoundingClientRect();
            return {
                text: formula.innerText,
                size: typeset ? Math.min(typeset.width, typeset.height) : 0,
                error: formula.querySelector("mjx-merror") !== null,
            };
        })"""
    )
    assert bool(formulas) == ("$" in prose(name))
    assert [formula for formula in formulas if formula["size"] < 3 or formula["error"]] == []
    assert "$" not in page.evaluate("() => [...document.querySelectorAll('p, li, td')].map(e => e.innerText).join(' ')")
    fonts = page.evaluate("() => [...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)")
    assert not formulas or [family for family in fonts if "MJX" in family]


def test_next_leads_through_all_chapters_and_previous_back(read, book):
    page = read("index").page
    for direction, names in [("next", PAGES[1:]), ("prev", PAGES[-2::-1])]:
        for name in names:
            page.locator(f"a.{'right' if direction == 'next' else 'left'}-{direction}").click()
            page.wait_for_url(f"{book}{name}.html")
        assert page.locator(f"a.{'right' if direction == 'next' else 'left'}-{direction}").count() == 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_search_finds_softmax(read, book, size, screenshot):
    watched = read("index", size)
    page = watched.page
    page.locator("button.search-button__button:visible").first.click()
    page.keyboard.type("softmax")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{book}search.html?q=softmax**")
    found = page.locator("#search-results li > a")
    found.first.wait_for()
    page.get_by_text("Search finished").or_(page.locator(".search-summary")).first.wait_for()
    assert {"03_softmax_regression.html", "04_softmax_regression_gluon.html"} <= {
        urlsplit(a.get_attribute("href")).path for a in found.all()
    }
    screenshot(page, f"book-search-{'desk' if size == DESK else 'phone'}")
    page.locator("#search-results a[href*='03_softmax']").first.click()
    page.wait_for_url(lambda url: "/03_softmax_regression.html" in url)
    assert watched.wrong == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_contents_lead_to_every_page(read, book, size, screenshot):
    page = read("index", size).page
    for name in reversed(PAGES):
        if size == PHONE:
            assert not page.locator("nav.bd-links a").first.is_visible()
            page.locator("button.primary-toggle:visible").click()
            page.locator("nav.bd-links a").first.wait_for()
            if name == PAGES[-1]:
                screenshot(page, "book-contents-phone")
        link = page.locator("nav.bd-links a").nth(PAGES.index(name))
        eventually(lambda link=link: link.bounding_box()["x"] < 100, True)
        link.click()
        page.wait_for_url(lambda url, name=name: url.rstrip("#") == f"{book}{name}.html")


def test_reader_chooses_dark_or_light(read):
    page = read("index").page

    def brightness():
        colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3

    for mode, is_dark in [("dark", True), ("light", False)]:
        page.locator("button.theme-switch-button").click()
        page.locator(f"button.theme-change-button[data-mode={mode}]").click()
        eventually(lambda: (brightness() < 60, brightness() > 200), (is_dark, not is_dark))
    page.locator("button.theme-switch-button").click()
    page.locator("button.theme-change-button[data-mode=dark]").click()
    page.goto(page.url.replace("index", "00_start_here"))
    eventually(lambda: brightness() < 60, True)


@all_chapters
def test_button_downloads_the_notebook(read, name):
    for size in (DESK, PHONE):
        page = read(name, size).page
        with page.expect_download() as download:
            page.get_by_role("link", name="Download notebook").click()
        assert download.value.suggested_filename == f"{name}.ipynb"
        assert download.value.path().read_bytes() == (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()


def test_pages_work_from_the_disk_too(open_page):
    watched = open_page((BOOK / "03_softmax_regression.html").as_uri(), "file://")
    wait_for_mathematics(watched.page)
    assert watched.page.locator("mjx-container").count() > 20
    assert watched.wrong == []
    # The search lists the pages; only the lines that it quotes from each need a server.
    watched.page.goto((BOOK / "search.html").as_uri() + "?q=dropout")
    watched.page.locator("#search-results li > a[href*='06_dropout']").first.wait_for()


class Links(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.targets, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.targets += [attrs[key] for key in ("href", "src") if attrs.get(key)]


def test_every_internal_link_leads_somewhere():
    pages = {path: Links(path) for path in BOOK.glob("*.html")}
    assert len(pages) > len(PAGES)
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme in ("https", "data"), (path.name, target)
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert file.is_file(), (path.name, target)
            if parts.fragment and file.suffix == ".html":
                assert unquote(parts.fragment) in pages[file].ids, (path.name, target)
