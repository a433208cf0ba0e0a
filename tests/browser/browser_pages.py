"""Every page of the book, only looked at: on a desk and a phone, light and dark, the Chinese ones in fewer looks."""

import ast
import base64
import math
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import (
    CHAPTERS,
    DESK,
    PAGES,
    PHONE,
    SIZES,
    TABLET,
    cells,
    figures,
    in_one_line,
    number,
    prose,
    said,
)

from conftest import ROOT, assert_it_stands_still, eventually, visit, wait_for_mathematics

LOOKS = {f"{name}_{scheme}": (size, scheme) for name, size in SIZES.items() for scheme in ("light", "dark")}
AT_A_DESK = (DESK, "light")


def on(pages, chinese=("desk", "desk_light", "phone_dark"), **looks):
    """Parametrize a test with pages that it only looks at, the Chinese ones in some of the looks."""
    few = {name: look for name, look in looks.items() if name in chinese}
    pages_in_looks = [
        pytest.param((edition + page, look), id=f"{edition.replace('/', '-')}{page}-{name}")
        for edition, looks_of_it in [("", looks), ("zh/", few)]
        for page in pages
        for name, look in looks_of_it.items()
    ]
    return pytest.mark.parametrize("looked_at", pages_in_looks, indirect=True)


def words(text):
    """Count words; three Chinese characters, with no blanks between them, count as two."""
    chinese = re.findall(r"[\u4e00-\u9fff]", text)
    return 2 * len(chinese) // 3 or len(text.split())


def how_to_get_all():
    """Return the words of the notebooks' first cell, without its marks of code."""
    tree = ast.parse((ROOT / "tools" / "first_cell.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "HOW_TO_GET_ALL"
    ]
    return [sentence.replace("`", "") for sentence in ast.literal_eval(value)]


def paper(page, x, y, width, height):
    """Return the commonest colour in a rectangle of the window, as a reader sees it: red, green, blue."""
    picture = page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})
    return page.evaluate(
        """async (picture) => {
            const image = new Image();
            image.src = "data:image/png;base64," + picture;
            await image.decode();
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            const bytes = context.getImageData(0, 0, image.width, image.height).data;
            const times = new Map();
            for (let i = 0; i < bytes.length; i += 4) {
                const colour = bytes.slice(i, i + 3).join();
                times.set(colour, (times.get(colour) ?? 0) + 1);
            }
            return [...times].sort((one, other) => other[1] - one[1])[0][0].split(",").map(Number);
        }""",
        base64.b64encode(picture).decode(),
    )


@pytest.fixture(scope="module")
def looked_at(request, browser, book):
    """Open a page in a look, once for all tests that only look at it."""
    name, look = request.param
    watched = visit(browser, f"{book}{name}.html", book, *look)
    watched.name, watched.look = name, look
    wait_for_mathematics(watched.page)
    assert_it_stands_still(watched.page, look[1])
    yield watched
    watched.page.context.close()


@on(PAGES, **LOOKS)
def test_page_opens_without_an_error(looked_at, screenshot, request):
    page = looked_at.page
    name, look = looked_at.name, looked_at.look
    screenshot(page, f"book-{request.node.callspec.id}")
    assert page.locator("h1:visible").count() == 1
    if name.removeprefix("zh/") in CHAPTERS:
        assert "D2L_SOURCE" not in page.content()  # what prepares Colab is of no use to a reader
    broken = "() => [...document.images].filter(i => !(i.naturalWidth && i.clientWidth)).map(i => i.outerHTML)"
    assert page.evaluate(broken) == []
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == look[1]
    assert looked_at.wrong == []


# What is 900 pixels wide has the parts of a phone's page, larger.
@on(PAGES, chinese=("phone_dark",), **{name: look for name, look in LOOKS.items() if look[0] != TABLET})
def test_page_is_accessible(looked_at):
    # The glyphs of formulas are hundreds of elements of one colour; what a screen reader gets stands beside them.
    options = {"resultTypes": ["violations"]}  # what is well is not described, which takes as long again
    results = Axe().run(looked_at.page, context={"exclude": ["mjx-math"]}, options=options)
    assert results.violations_count == 0, results.generate_report()


@on(PAGES, desk=AT_A_DESK)
def test_figures_have_a_text(looked_at):
    name = looked_at.name
    texts = looked_at.page.evaluate("() => [...document.querySelectorAll('main img')].map(i => i.alt)")
    page = name.removeprefix("zh/")
    assert len(texts) >= (7 if page == "index" else 3 if page in CHAPTERS else 0)
    assert not [text for text in texts if words(text) < 4 or text.endswith(".png")]


@on(CHAPTERS, desk=AT_A_DESK)
def test_mathematics_is_typeset(looked_at):
    page, name = looked_at.page, looked_at.name
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


@on([*PAGES, "search", "genindex"], desk=AT_A_DESK)
def test_page_says_its_language_and_its_editions(looked_at, book):
    page, name = looked_at.page, looked_at.name.removeprefix("zh/")
    assert page.evaluate("() => document.documentElement.lang") == ("en" if name == looked_at.name else "zh-CN")
    links = page.locator("head link[rel=alternate]").evaluate_all("links => links.map(l => [l.hreflang, l.href])")
    english, chinese = f"{book}{name}.html", f"{book}zh/{name}.html"
    assert links == [["en", english], ["zh-CN", chinese], ["x-default", english]]


@pytest.mark.parametrize("looked_at", [(f"zh/{name}", AT_A_DESK) for name in PAGES], ids=PAGES, indirect=True)
def test_what_surrounds_a_chinese_page_is_chinese(looked_at):
    """The buttons, what screen readers are told, what hovers: all but names, keys, and the words of the page itself."""
    texts = looked_at.page.evaluate(
        """() => {
            const outside = [...document.querySelectorAll("body *, main button")].filter(
                element => !element.closest("article, .toc-entry, script, style, [lang=en]")
                    || element.matches("button"));
            const attributes = ["aria-label", "title", "placeholder", "alt", "data-tooltip", "data-bs-title"];
            return outside.flatMap(element => [
                ...attributes.map(name => element.getAttribute(name)),
                ...[...element.childNodes].filter(node => node.nodeType == Node.TEXT_NODE).map(node => node.data),
            ]).filter(text => text?.trim()).map(text => text.trim());
        }"""
    )
    assert {"打开或收起目录", "主目录", "配色"} <= {*texts}
    allowed = {"Ctrl", "K", "+"}
    assert [text for text in texts if not re.search(r"[\u4e00-\u9fff]", text) and text not in allowed] == []


@on(["index", "00_start_here"], **LOOKS)
def test_a_box_says_how_to_get_the_notebooks(looked_at):
    box = looked_at.page.locator(".admonition.get")
    text = in_one_line(box.inner_text())
    if not looked_at.name.startswith("zh/"):
        for sentence in how_to_get_all():
            assert sentence in text
    for command in ("make lab", "make test"):
        assert box.locator("pre").get_by_text(command, exact=True).is_visible()
    for place in ("Linux", "x86-64", "ARM", "macOS", "Intel", "WSL 2", "Apple"):
        assert place in text


@on(PAGES, **LOOKS)
def test_what_goes_on_at_a_side_shows_it(looked_at):
    page = looked_at.page
    wrong = """() => [...document.querySelectorAll("main *")].filter(block => {
        if (!block.checkVisibility({contentVisibilityAuto: true})) return false;
        const style = getComputedStyle(block);
        const formula = block.matches("span.math") && block.querySelector("mjx-math").getBoundingClientRect().width;
        const hidden = (formula || block.scrollWidth) - block.clientWidth;
        const clips = ["auto", "scroll"].includes(style.overflowX) || block.matches(".math");
        const scrolls = clips && hidden > 1 && block.clientWidth > 0;
        const right = style.maskImage.includes("to left") || style.maskImage.split("rgba(0, 0, 0, 0)").length > 2;
        return right != (scrolls && hidden - block.scrollLeft > 1);
    }).map(block => block.outerHTML.slice(0, 100))"""
    eventually(lambda: page.evaluate(wrong), [])
    if page.locator("main details").count():
        page.evaluate("() => document.querySelectorAll('main details').forEach(details => details.open = true)")
        eventually(lambda: page.evaluate(wrong), [])
        page.evaluate("() => document.querySelectorAll('main details').forEach(details => details.open = false)")
    if block := page.query_selector(".goes-on-right"):
        block.evaluate("block => block.scrollTo({left: block.scrollWidth, behavior: 'instant'})")
        eventually(lambda: page.evaluate(wrong), [])
        masks = "() => [...document.querySelectorAll('.goes-on-left')].map(block => getComputedStyle(block).maskImage)"
        assert [mask.count("to right") for mask in page.evaluate(masks)] == [1]
        block.evaluate("block => block.scrollTo({left: 0, behavior: 'instant'})")


@on(PAGES[:-1], chinese=(), **LOOKS)
def test_figures_are_on_white_paper_evenly(looked_at):
    page = looked_at.page
    for figure in page.locator("main img").all():
        figure.evaluate("figure => figure.scrollIntoView({block: 'center'})")  # where nothing stands before it
        # Hardly anything is drawn along the edges, where a frame would be.
        box = figure.bounding_box()
        left, top = math.ceil(box["x"]) + 1, math.ceil(box["y"]) + 1
        width, height = math.floor(box["width"]) - 3, math.floor(box["height"]) - 3
        for strip in [(left, top, width, 2), (left, top + height - 2, width, 2), (left, top, 2, height)]:
            assert min(paper(page, *strip)) >= 250  # a picture that is made smaller blurs what is near its edge


@on(CHAPTERS, desk=AT_A_DESK)
def test_figures_have_numbers_and_captions(looked_at):
    page, name = looked_at.page, looked_at.name
    captions = [in_one_line(text) for text in page.locator("main figure figcaption").all_inner_texts()]
    assert len(captions) == len(figures(name))
    for place, (caption, title) in enumerate(zip(captions, figures(name), strict=True), 1):
        assert caption.rstrip("#").strip().startswith(f"{said(name, 'figure')} {number(name)}.{place}")
        if "$" not in title:
            assert title in caption
    bare = "() => document.querySelectorAll('main .cell_output img:not(figure img)').length"
    assert page.evaluate(bare) == 0


@on(CHAPTERS, chinese=("desk", "phone"), desk=AT_A_DESK, phone=(PHONE, "light"))
def test_title_of_a_picture_is_read_once(looked_at):
    """It is in the picture; below it, too, where the picture is small, and for those who hear the page."""
    page, size = looked_at.page, looked_at.look[0]
    widths = "titles => titles.map(title => Math.round(title.getBoundingClientRect().width))"
    shown = page.locator("main figcaption .takeaway").evaluate_all(widths)
    assert len(shown) == len(figures(looked_at.name))
    assert [width for width in shown if (width > 1) != (size == PHONE)] == []
    # What moves in the notebook stands still here, and the caption says so.
    captions = page.locator("main figcaption").all_inner_texts()
    moving = [caption for caption in captions if said(looked_at.name, "moves") in caption]
    assert len(moving) == sum("dh.explore(" in "".join(cell["source"]) for cell in cells(looked_at.name, "code"))


@on(CHAPTERS, desk=AT_A_DESK)
def test_number_of_a_chapter_is_that_of_its_file_everywhere(looked_at):
    page, name = looked_at.page, looked_at.name
    title = in_one_line(page.locator("main article h1").inner_text()).rstrip("#").strip()
    assert title.startswith(f"{number(name)} ")
    assert page.title().startswith(f"{number(name)} ")
    address = f"{name.removeprefix('zh/')}.html"
    in_the_contents = page.locator(f"nav.bd-links a.current, nav.bd-links a[href='{address}']").last
    assert in_one_line(in_the_contents.inner_text()) == title
    assert not page.locator(".section-number").count()
    if number(name) != "00":
        line = in_one_line(page.locator("main .sections").inner_text())
        assert re.match(said(name, "sections"), line)


@on(PAGES, **LOOKS)
def test_headings_get_no_heavier_and_no_larger_from_level_to_level(looked_at):
    looks = looked_at.page.evaluate(
        """() => ["h1", "h2", "h3"].map(level => document.querySelector("main article " + level))
            .filter(heading => heading).map(heading => getComputedStyle(heading))
            .map(style => [Number(style.fontWeight), parseFloat(style.fontSize)])"""
    )
    assert len(looks) >= (3 if number(looked_at.name) in ("01", "03") else 2)
    weights, sizes = zip(*looks, strict=True)
    assert sorted(weights, reverse=True) == [*weights]
    assert sorted(sizes, reverse=True) == [*sizes]


@pytest.mark.parametrize("looked_at", [("reference", AT_A_DESK), ("zh/reference", AT_A_DESK)], indirect=True)
def test_reference_says_nothing_that_nobody_wrote(looked_at):
    page = looked_at.page
    lists = "lists => lists.map(l => l.innerText).filter(t => /^((Type|类型) ?[:：]?$|\\w+ \\(\\w+,\\) )/m.test(t))"
    assert page.locator("main dl.field-list").evaluate_all(lists) == []
    text = in_one_line(page.locator("main article").inner_text())
    for generated in ("<factory>", "<object", " at 0x", "Built-in", "iterable is specified", "**kwargs: "):
        assert generated not in text
    # Signatures are the functions' and the classes' own.
    for name, signature in [
        ("synthetic_data", "(w, b, num_examples, noise=0.01)"),
        ("DrawingPad", "(value=(), description=None, **settings)"),
        (
            "History",
            "(loss=[], metric=[], test_loss=[], test_metric=[], seconds=[], num_examples=[], metric_name='metric')",
        ),
        ("fashion_mnist_labels", " = ('t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt',"),
    ]:
        shown = in_one_line(page.locator(f"dt[id='d2lhelpers.{name}']").inner_text())
        assert re.sub(r"^class ", "", shown).replace("( ", "(").startswith(f"{name}{signature}")
