"""The book in the hands of a reader, who searches, follows links, opens figures, and has no network."""

import ast
import re
import zipfile
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from pages import (
    CHAPTERS,
    DESK,
    OTHERS,
    PAGES,
    PHONE,
    SIZES,
    cells,
    in_one_line,
    of_both,
    said,
)

from conftest import ROOT, assert_it_stands_still, eventually, visit, wait_for_mathematics

BOOK = ROOT / "build" / "book"
both_editions = pytest.mark.parametrize("edition", ["", "zh/"], ids=["en", "zh"])
all_sizes = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())


WITH_SLIDERS = [name for name in CHAPTERS if any("Slider(" in "".join(cell["source"]) for cell in cells(name, "code"))]


class Links(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.targets, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.targets += [attrs[key] for key in ("href", "src") if attrs.get(key)]


@pytest.fixture
def read(open_page, book):
    """Return a function that opens a page of the book, and waits until MathJax has done its work."""

    def read(name, size=DESK, scheme="light"):
        watched = open_page(f"{book}{name}.html", book, size, scheme)
        wait_for_mathematics(watched.page)
        assert_it_stands_still(watched.page, scheme)
        return watched

    return read


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


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("权重衰减", ["05_weight_decay"]),
        ("小批量随机梯度下降", ["01_linear_regression"]),  # a term of several words
        ("丢弃法", ["06_dropout"]),
        ("softmax 回归", ["03_softmax_regression", "04_softmax_regression_gluon"]),
        ("softmax回归", ["03_softmax_regression", "04_softmax_regression_gluon"]),
        ("梯度的反向传播？", ["07_forward_and_backward_propagation"]),
        ("熵", ["03_softmax_regression"]),  # a single character
        ("代理", ["install"]),
        ("TRAINER", ["02_linear_regression_gluon"]),
        ("反向丢弃批量衰减", []),  # no page has these pairs of neighbours
    ],
)
def test_search_finds_chinese(read, book, query, names):
    watched = read("zh/index")
    page = watched.page
    page.locator("button.search-button__button:visible").first.click()
    page.keyboard.insert_text(query)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.startswith(f"{book}zh/search.html"))
    page.locator(".search-summary").get_by_text(re.compile("搜索完成|没有找到|未找到|没有匹配")).wait_for()
    found = [urlsplit(link.get_attribute("href")).path for link in page.locator("#search-results li > a").all()]
    assert {f"{name}.html" for name in names} <= {*found}
    assert bool(found) == bool(names)
    if query == "权重衰减":
        assert found[0] == "05_weight_decay.html"
        page.locator("#search-results a").first.click()
        page.wait_for_url(lambda url: "/zh/05_weight_decay.html" in url)
    assert watched.wrong == []


@pytest.mark.parametrize(
    ("size", "names"),
    [(DESK, [*PAGES, "search"]), (PHONE, ["index", "05_weight_decay", "reference"])],
    ids=["desk", "phone"],
)
def test_each_page_leads_to_its_twin_and_back(read, book, size, names):
    watched = read("index", size)
    page = watched.page
    for name in names:
        page.goto(f"{book}{name}.html")
        for language, tag, folder in [("中文", "zh-CN", f"{book}zh/"), ("English", "en", book)]:
            link = page.get_by_role("link", name=language, exact=True)
            assert link.get_attribute("lang") == link.get_attribute("hreflang") == tag
            link.click()
            page.wait_for_url(f"{folder}{name}.html")
            assert page.locator("html").get_attribute("lang") == tag
    assert watched.wrong == []


def test_no_machine_shows_boxes(browser_without_chinese, book):
    """Where a system has no Chinese font, the one that comes along draws the characters."""
    page = visit(browser_without_chinese, f"{book}zh/05_weight_decay.html", book).page
    wait_for_mathematics(page)

    def drawn(text, fonts):
        return page.evaluate(
            """([text, fonts]) => {
                const context = new OffscreenCanvas(40, 40).getContext("2d");
                context.font = "30px " + fonts;
                context.fillText(text, 2, 32);
                return [...context.getImageData(0, 0, 40, 40).data].join();
            }""",
            [text, fonts],
        )

    assert drawn("权", "sans-serif") == drawn("衰", "sans-serif")  # boxes: there is no such font here
    for selector in ("main h1", "main p", "nav.bd-links a", "main pre"):
        fonts = page.locator(selector).first.evaluate("element => getComputedStyle(element).fontFamily")
        page.evaluate("fonts => document.fonts.load('30px ' + fonts, '权重衰减')", fonts)
        assert len({drawn(character, fonts) for character in "权重衰减，"}) == 5, selector
    loaded = page.evaluate("() => [...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)")
    assert any("Noto Sans SC of the book" in family for family in loaded)
    page.context.close()


@pytest.mark.parametrize("with_chinese", [True, False])
def test_a_chinese_font_is_fetched_only_where_there_is_none(request, book, with_chinese):
    other = request.getfixturevalue("browser_with_chinese" if with_chinese else "browser_without_chinese")
    page = visit(other, f"{book}zh/05_weight_decay.html", book).page
    wait_for_mathematics(page)
    fetched = page.evaluate("() => performance.getEntriesByType('resource').map(entry => entry.name)")
    assert len(fetched) > 10
    font = f"{book}zh/_static/NotoSansSC-Regular.ttf"
    assert {name for name in fetched if name.endswith(".ttf")} == (set() if with_chinese else {font})
    page.context.close()


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


@both_editions
def test_the_archive_lies_beside_the_pages(read, edition):
    page = read(f"{edition}index").page
    with page.expect_download() as download:
        page.get_by_role("link", name="d2l-chapter3.zip").click()
    assert download.value.suggested_filename == "d2l-chapter3.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert {f"d2l-chapter3/notebooks/{name}.ipynb" for name in of_both(CHAPTERS)} <= {*names}
    assert {"d2l-chapter3/Makefile", "d2l-chapter3/requirements.lock"} <= {*names}


@pytest.mark.parametrize("name", of_both(WITH_SLIDERS))
def test_figure_with_sliders_is_stepped_through_without_a_kernel(read, name):
    watched = read(name)
    page = watched.page
    image = page.locator("main figure", has_text=said(name, "moves")).locator("img")
    steps = page.locator(".steps")
    assert image.count() == steps.count() == 1
    source = "image => image.src"
    first = image.evaluate(source)
    sliders = steps.locator("input").all()
    begin = [slider.input_value() for slider in sliders]
    for place, slider in enumerate(sliders):
        steps_of_it = int(slider.get_attribute("max"))
        slider.focus()
        seen = {}
        for key in ["Home", *["ArrowRight"] * steps_of_it]:
            page.keyboard.press(key)
            image.evaluate("image => image.decode()")
            assert image.evaluate("image => image.naturalWidth") >= 400
            value = slider.locator("xpath=following-sibling::output").inner_text()
            assert slider.get_attribute("aria-valuetext") == value
            seen[value] = image.evaluate(source)
        assert len(seen) == len({*seen.values()}) == steps_of_it + 1
        assert [*seen.values()].index(first) == int(begin[place])
        now = [other.input_value() for other in sliders]
        assert now == [*begin[:place], str(steps_of_it), *begin[place + 1 :]]  # the others stand where they begin
    assert watched.wrong == []


@pytest.mark.parametrize(
    ("edition", "size"),
    [("", DESK), ("zh/", DESK), ("", PHONE), ("zh/", PHONE)],
    ids=["en", "zh", "en-phone", "zh-phone"],
)
def test_contents_show_the_page_where_the_reader_is_and_their_top_if_it_fits(read, book, edition, size):
    page = read(f"{edition}index", size).page
    for name in (CHAPTERS[-1], CHAPTERS[1], OTHERS[-1], CHAPTERS[0]):  # the theme keeps the place from page to page
        page.goto(f"{book}{edition}{name}.html")
        if size == PHONE:
            page.locator("button.primary-toggle:visible").click()
        place = """() => {
            const list = document.querySelector("nav.bd-links").closest(".bd-sidebar-primary");
            const [name, all] = [list.querySelector("li.current > a"), list].map(e => e.getBoundingClientRect());
            return [name.height > 0 && name.top >= all.top && name.bottom <= all.bottom,
                list.scrollTop == 0 || name.bottom > all.bottom - 40];
        }"""
        eventually(lambda place=place: page.evaluate(place), [True, True])
        if size == DESK:
            assert page.evaluate("() => document.querySelector('.bd-sidebar-primary').scrollTop") == 0


@pytest.mark.parametrize("name", [*CHAPTERS, "zh/05_weight_decay"])
def test_code_can_be_copied_and_outputs_have_no_button(read, name):
    page = read(name).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert page.locator(".cell_input").count() == page.locator(".cell_input button.copybtn").count() > 1
    assert page.locator(".cell_output button.copybtn").count() == 0
    expected = "".join(cells(name, "code")[1]["source"])  # the first one is for Colab, and not on the page
    page.locator(".cell_input").first.hover()
    page.locator(".cell_input button.copybtn").first.click()
    eventually(lambda: page.evaluate("() => navigator.clipboard.readText()").strip(), expected.strip())


@all_sizes
@both_editions
def test_front_page_is_a_map_with_pictures(read, book, edition, size):
    page = read(f"{edition}index", size).page
    cards = page.locator("ul.chapters > li")
    names = [name for name in CHAPTERS if not name.startswith("00")]
    assert cards.count() == len(names)
    for card, name in zip(cards.all(), names, strict=True):
        assert card.locator("img").is_visible()
        text = in_one_line(card.inner_text())
        assert text.startswith(f"{name[:2]} ")
        assert re.search(r"第 [38]\.\d+" if edition else r"Sections? [38]\.\d+", text)
        links = card.locator("a").evaluate_all("links => links.map(link => link.href)")
        assert set(links) == {f"{book}{edition}{name}.html"}
    columns = len({card.bounding_box()["x"] for card in cards.all()})
    assert columns == 1 if size == PHONE else columns >= 2


@both_editions
def test_reference_has_every_public_name_and_the_chapters_that_use_it(read, book, edition):
    page = read(f"{edition}reference").page
    tree = ast.parse((ROOT / "d2lhelpers" / "__init__.py").read_text(encoding="utf-8"))
    (modules,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "_MODULES"
    ]
    for name in modules:
        entry = page.locator(f"dl.py:has(> dt[id='d2lhelpers.{name}'])")
        assert entry.count() == 1, name
        text = in_one_line(entry.inner_text())
        users = [
            chapter
            for chapter in CHAPTERS
            if re.search(
                rf"\bdh\.{name}\b", "\n".join("".join(cell["source"]) for cell in cells(edition + chapter, "code"))
            )
        ]
        line = entry.locator("p", has_text=said(edition, "used in"))
        assert line.count() == bool(users)
        links = line.locator("a").evaluate_all("links => links.map(link => link.href)")
        assert links == [f"{book}{edition}{chapter}.html" for chapter in users], name
        assert len(text.split()) > 15, name


def test_reference_gives_no_answer_away(read):
    """Nobody asked for the answer to an exercise, or for a hint that only a wrong one is given."""
    example = read("reference").page.locator("dl.py:has(> dt[id='d2lhelpers.check'])").inner_text()
    assert "hint:" in example
    folder = ROOT / "d2lhelpers" / "exercises"
    chapters = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("chapter*.py"))
    hints = [line.split("hint:")[1].strip() for line in example.splitlines() if "hint:" in line]
    assert [hint for hint in hints if hint in chapters] == []
    assert "✓" not in example


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


@pytest.mark.parametrize(("edition", "query"), [("", "dropout"), ("zh/", "丢弃法")], ids=["en", "zh"])
def test_pages_work_from_the_disk_too(open_page, edition, query):
    watched = open_page((BOOK / f"{edition}03_softmax_regression.html").as_uri(), "file://")
    wait_for_mathematics(watched.page)
    assert watched.page.locator("mjx-container").count() > 20
    assert watched.wrong == []
    # The search lists the pages; only the lines that it quotes from each need a server.
    watched.page.goto((BOOK / f"{edition}search.html").as_uri() + f"?q={query}")
    watched.page.locator("#search-results li > a[href*='06_dropout']").first.wait_for()


def test_every_internal_link_leads_somewhere():
    pages = {path: Links(path) for pattern in of_both(["*.html"]) for path in BOOK.glob(pattern)}
    assert len(pages) > 2 * len(PAGES)
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
