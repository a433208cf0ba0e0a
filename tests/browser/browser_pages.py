"""Every page of the book, on a desk and a phone, light and dark, the Chinese ones in fewer looks.

Each is opened once in a look, for all tests, which leave it as they found it.
"""

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
AT_A_DESK = {"english": ["desk_light"], "chinese": ["desk_light"]}
ON_A_PHONE = {"english": ["phone_light"], "chinese": ["phone_dark"]}
ON_BOTH = {"english": ["desk_light", "phone_light"], "chinese": ["desk_light", "phone_dark"]}


def on(pages, english=tuple(LOOKS), chinese=("desk_light", "phone_dark")):
    """Parametrize a test with pages, the English ones in some looks and the Chinese ones in others."""
    pages_in_looks = [
        pytest.param((edition + page, LOOKS[look]), id=f"{edition.replace('/', '-')}{page}-{look}")
        for edition, looks in [("", english), ("zh/", chinese)]
        for page in pages
        for look in looks
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


def papers(page, box, strips):
    """Return the commonest colour in strips of a box of the window, as a reader sees it: red, green, blue."""
    picture = page.screenshot(clip=box)
    return page.evaluate(
        """async ([picture, strips]) => {
            const image = new Image();
            image.src = "data:image/png;base64," + picture;
            await image.decode();
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            return strips.map(strip => {
                const bytes = context.getImageData(...strip).data;
                const times = new Map();
                for (let i = 0; i < bytes.length; i += 4) {
                    const colour = bytes.slice(i, i + 3).join();
                    times.set(colour, (times.get(colour) ?? 0) + 1);
                }
                return [...times].sort((one, other) => other[1] - one[1])[0][0].split(",").map(Number);
            });
        }""",
        [base64.b64encode(picture).decode(), strips],
    )


def solutions(name):
    """Return the worked solutions of a chapter, in Markdown."""
    summary = f"<details><summary>{said(name, 'solution')}</summary>"
    return re.findall(rf"{summary}(.*?)</details>", prose(name), re.DOTALL)


def unfold(page, is_open=True):
    """Open all worked solutions of a page, or close them."""
    page.evaluate(
        "is_open => document.querySelectorAll('main details').forEach(details => details.open = is_open)", is_open
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


@on(PAGES)
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
@on(PAGES, [name for name, look in LOOKS.items() if look[0] != TABLET], ["phone_dark"])
def test_page_is_accessible(looked_at):
    # The glyphs of formulas are hundreds of elements of one colour; what a screen reader gets stands beside them.
    # So are the words of the code, which has the same colours on a phone and in Chinese.
    glyphs = ["mjx-math"]
    code = [] if looked_at.look[0] == DESK else ["pre"]
    contrast = "color-contrast"
    for exclude, options in [
        (glyphs, {"rules": {contrast: {"enabled": False}}}),
        (glyphs + code, {"runOnly": {"type": "rule", "values": [contrast]}}),
    ]:
        # What is well is not described, which takes as long again.
        options["resultTypes"] = ["violations"]
        results = Axe().run(looked_at.page, context={"exclude": exclude}, options=options)
        assert results.violations_count == 0, results.generate_report()


@on(PAGES, **AT_A_DESK)
def test_figures_have_a_text(looked_at):
    name = looked_at.name
    texts = looked_at.page.evaluate("() => [...document.querySelectorAll('main img')].map(i => i.alt)")
    page = name.removeprefix("zh/")
    assert len(texts) >= (7 if page == "index" else 3 if page in CHAPTERS else 0)
    assert not [text for text in texts if words(text) < 4 or text.endswith(".png")]


@on(CHAPTERS, **AT_A_DESK)
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


@on([*PAGES, "search", "genindex"], **AT_A_DESK)
def test_page_says_its_language_and_its_editions(looked_at, book):
    page, name = looked_at.page, looked_at.name.removeprefix("zh/")
    assert page.evaluate("() => document.documentElement.lang") == ("en" if name == looked_at.name else "zh-CN")
    links = page.locator("head link[rel=alternate]").evaluate_all("links => links.map(l => [l.hreflang, l.href])")
    english, chinese = f"{book}{name}.html", f"{book}zh/{name}.html"
    assert links == [["en", english], ["zh-CN", chinese], ["x-default", english]]


@on(PAGES, english=[], chinese=["desk_light"])
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


@on(["index", "00_start_here"])
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


@on(PAGES)
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
        unfold(page)
        eventually(lambda: page.evaluate(wrong), [])
        unfold(page, is_open=False)
    if block := page.query_selector(".goes-on-right"):
        block.evaluate("block => block.scrollTo({left: block.scrollWidth, behavior: 'instant'})")
        eventually(lambda: page.evaluate(wrong), [])
        masks = "() => [...document.querySelectorAll('.goes-on-left')].map(block => getComputedStyle(block).maskImage)"
        assert [mask.count("to right") for mask in page.evaluate(masks)] == [1]
        block.evaluate("block => block.scrollTo({left: 0, behavior: 'instant'})")


@on(PAGES[:-1], chinese=())
def test_figures_are_on_white_paper_evenly(looked_at):
    page = looked_at.page
    for figure in page.locator("main img").all():
        figure.evaluate("figure => figure.scrollIntoView({block: 'center'})")  # where nothing stands before it
        # Hardly anything is drawn along the edges, where a frame would be.
        box = figure.bounding_box()
        left, top = math.ceil(box["x"]) + 1, math.ceil(box["y"]) + 1
        width, height = math.floor(box["width"]) - 3, math.floor(box["height"]) - 3
        inside = {"x": left, "y": top, "width": width, "height": height}
        # A picture that is made smaller blurs what is near its edge.
        for colour in papers(page, inside, [(0, 0, width, 2), (0, height - 2, width, 2), (0, 0, 2, height)]):
            assert min(colour) >= 250


@on(CHAPTERS, **AT_A_DESK)
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


@on(CHAPTERS, **ON_BOTH)
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


@on(CHAPTERS, **AT_A_DESK)
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


@on(PAGES)
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


@on(["reference"], **AT_A_DESK)
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


@on(PAGES, **ON_A_PHONE)
def test_nothing_scrolls_sideways_on_a_phone(looked_at):
    page = looked_at.page
    page.evaluate("() => scrollTo({left: 500, behavior: 'instant'})")
    assert page.evaluate("() => [scrollX, document.documentElement.scrollWidth, innerWidth]") == [0, PHONE[0], PHONE[0]]


@on(CHAPTERS[1:], ["desk_light", "phone_light"], ["phone_dark"])
def test_nobody_sees_a_solution_who_has_not_opened_it(looked_at):
    page, name = looked_at.page, looked_at.name
    expected = solutions(name)
    assert len(expected) == len(re.findall(r"^### \d\d\.\d ", prose(name), re.MULTILINE)) >= 6
    folded = page.locator("main details")
    shown = "() => [...document.querySelectorAll('main details')].map(d => [...d.querySelectorAll('*')].filter("
    shown += "e => !e.closest('summary') && e.checkVisibility({contentVisibilityAuto: true})).length)"
    assert page.evaluate(shown) == [0] * len(expected)
    assert folded.locator("summary").all_inner_texts() == [said(name, "solution")] * len(expected)
    # The exercises are unanswered, and nothing on the page has the sign of an answer that is right.
    visible = page.locator("main").inner_text()
    assert len(re.findall(rf"○ ?\d\d\.\d {said(name, 'unanswered')}", in_one_line(visible))) == len(expected)
    assert not re.search(r"✓ ?\d\d\.\d", in_one_line(visible))
    for place, solution in enumerate(expected):
        code = re.search(r"```python\n(.*?)\n```", solution, re.DOTALL)
        wanted = in_one_line(code[1]) if code else None
        assert not wanted or wanted not in in_one_line(folded.nth(place).inner_text())
        folded.nth(place).locator("summary").click()
        assert not wanted or wanted in in_one_line(folded.nth(place).inner_text())
    assert 0 not in page.evaluate(shown)
    unfold(page, is_open=False)


@on(CHAPTERS, **AT_A_DESK)
def test_no_line_of_88_characters_is_cut_off_on_a_desk(looked_at):
    page = looked_at.page
    unfold(page)
    blocks = page.evaluate(
        """() => [...document.querySelectorAll("main pre")].filter(pre => pre.checkVisibility()).map(pre => ({
            longest: Math.max(...pre.textContent.replaceAll(/[\\u2e80-\\uffef]/g, "--").split("\\n")
                .map(line => line.length)),
            missing: pre.scrollWidth - pre.clientWidth,
        }))"""
    )
    unfold(page, is_open=False)
    assert len(blocks) > 3
    assert max(block["longest"] for block in blocks if block["longest"] <= 88) > 60
    assert [block for block in blocks if block["longest"] <= 88 and block["missing"] > 0] == []


@on(CHAPTERS, **ON_A_PHONE)
def test_figures_fit_the_page_of_a_phone_and_can_be_opened_large(looked_at):
    page, name = looked_at.page, looked_at.name
    boxes = (
        "() => [...document.querySelectorAll('main img')].map(i => i.getBoundingClientRect()).map(b => [b.x, b.right])"
    )
    assert [box for box in page.evaluate(boxes) if box[0] < 0 or box[1] > PHONE[0]] == []
    links = page.locator("main figure a.image-reference")
    assert links.count() == len(figures(name))
    signs = links.evaluate_all(
        """links => links.map(link => {
            const sign = getComputedStyle(link, "::after"), caption = link.parentElement.querySelector("figcaption");
            return {
                content: sign.content,
                below: parseFloat(sign.top) - link.getBoundingClientRect().height,
                beside: parseFloat(getComputedStyle(caption).paddingRight) - parseFloat(sign.width),
            };
        })"""
    )
    # The sign covers neither the figure nor its caption.
    assert [sign for sign in signs if "⤢" not in sign["content"] or sign["below"] < 0 or sign["beside"] < 0] == []
    dialog = page.locator("dialog.enlarged")
    for link in links.all():
        link.click()
        large = dialog.locator("img")
        assert large.evaluate("image => image.getBoundingClientRect().width") >= 2 * PHONE[0]
        assert large.get_attribute("alt") == link.locator("img").get_attribute("alt")
        scrolls = dialog.locator("div")
        eventually(lambda scrolls=scrolls: "goes-on-right" in (scrolls.get_attribute("class") or ""), True)
        scrolls.evaluate("scrolls => scrolls.scrollTo({left: scrolls.scrollWidth, behavior: 'instant'})")
        assert large.evaluate("image => Math.round(image.getBoundingClientRect().right)") == PHONE[0]
        dialog.get_by_role("button", name=said(name, "close")).click()
        assert not dialog.is_visible()


@on(CHAPTERS, **ON_A_PHONE)
def test_displayed_formulas_fit_the_page_of_a_phone(looked_at):
    page, name = looked_at.page, looked_at.name
    unfold(page)
    formulas = page.locator("main div.math mjx-container")
    assert formulas.count() == prose(name).count("$$") / 2
    hidden = (
        "formulas => formulas.map(f => [f.scrollWidth - f.clientWidth, f.textContent]).filter(([size]) => size > 0)"
    )
    assert formulas.evaluate_all(hidden) == []
    unfold(page, is_open=False)


@on(CHAPTERS, **ON_A_PHONE)
def test_tables_of_code_are_stacked_on_a_phone(looked_at):
    """Nothing of them is at the side, and each cell says of which column it is."""
    heading = re.compile(r"^\|(.*\|){3,}\n\|( ?:?-+:? ?\|){3,}\n((?:\|.*\n?)+)", re.MULTILINE)
    page, name = looked_at.page, looked_at.name
    expected = [table for table in heading.finditer(prose(name)) if "`" in table[3] and "![" not in table[3]]
    tables = page.locator("main table.stacks:not(:has(img))")
    assert tables.count() == len(expected)
    assert len(expected) >= (number(name) != "00")
    for table in tables.all():
        assert table.evaluate("table => table.parentElement.scrollWidth - table.parentElement.clientWidth") <= 0
        cells_of_it = table.locator("td")
        boxes = cells_of_it.evaluate_all("cells => cells.map(c => c.getBoundingClientRect()).map(b => [b.x, b.right])")
        assert [box for box in boxes if box[0] < 0 or box[1] > PHONE[0]] == []
        columns = table.locator("th").all_text_contents()
        labels = cells_of_it.evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")
        rows = len(labels) // len(columns)
        assert labels == ["none", *(f'"{column.strip()}"' for column in columns[1:])] * rows


@on(CHAPTERS, **ON_BOTH)
def test_button_downloads_the_notebook(looked_at):
    page, name = looked_at.page, looked_at.name
    with page.expect_download() as download:
        page.get_by_role("link", name=said(name, "download")).click()
    assert said(name, "one file") in page.locator("a.download-notebook").get_attribute("title")
    assert download.value.suggested_filename == f"{name.removeprefix('zh/')}.ipynb"
    assert download.value.path().read_bytes() == (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()


@on(["04_softmax_regression_gluon"], **ON_BOTH)
def test_name_of_a_button_takes_no_click_of_another(looked_at):
    page = looked_at.page
    covered = """() => [...document.querySelectorAll(".bd-header-article :is(a, button)")].filter(button => {
        const box = button.getBoundingClientRect();
        const on_top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return box.width && !button.contains(on_top);
    }).map(button => button.outerHTML)"""
    assert page.evaluate(covered) == []
    named = [
        button for button in page.locator(".bd-header-article [data-bs-original-title]").all() if button.is_visible()
    ]
    assert len(named) >= 2
    for button in named:
        button.hover()
        page.locator(".tooltip").wait_for(state="attached")
        assert page.evaluate(covered) == []
        page.mouse.move(5, 300)
        page.locator(".tooltip").wait_for(state="detached")


@on(CHAPTERS, **ON_A_PHONE)
def test_code_can_be_copied_with_a_finger_which_does_not_hover(looked_at):
    opacity = "() => [...document.querySelectorAll('button.copybtn')].map(button => getComputedStyle(button).opacity)"
    assert {*looked_at.page.evaluate(opacity)} == {"1"}
