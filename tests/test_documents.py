"""README, CONTRIBUTING and the pages beside the chapters: short where they must be, and true."""

import re
import sys
from collections import Counter
from pathlib import Path

import d2lhelpers as dh

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tools"), str(ROOT / "benchmarks")]
import parity  # noqa: E402
import run  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["install", "teaching", "checks"]
BOOK = {name: (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8") for name in PAGES}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TRANSLATIONS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*.*.md"))}  # "README.zh", ...
DOCUMENTS = {"README": README, "CONTRIBUTING": CONTRIBUTING, **TRANSLATIONS, **BOOK}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))

all_documents = pytest.mark.parametrize("name", DOCUMENTS)
all_readmes = pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("README")])


def tables(text):
    """Return the tables of a text as lists of rows, each a list of cells; the first row is the header."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines() if "---" not in line]
        for block in blocks
    ]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(text):
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    labels = re.findall(r"^\((.*)\)=$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings] + labels


# README


@all_readmes
def test_readme_is_short(name):
    readme = DOCUMENTS[name]
    assert len(readme.splitlines()) <= 90
    assert len(blocks(readme, "sh")) == 2
    assert re.findall(r"^make (\S+)", "".join(blocks(readme, "sh")), re.MULTILINE) == ["lab", "test"]


def test_readme_tells_where_it_runs_before_all_else():
    machines, chapters = tables(README)
    assert machines[0] == ["machine", "how", "how sure we are"]
    assert chapters[0] == ["notebook", "minutes", "what it does"]
    assert not re.search(r"\d+\.\d+\.\d+", README)  # versions are in book/install.md


def test_what_readme_says_of_the_workflow_is_true():
    """What it has is "in the workflow", and what neither it nor a machine of ours has is "untried"."""
    sure = {row[0]: row[2] for row in tables(README)[0][1:]}
    systems = WORKFLOW["jobs"]["make"]["strategy"]["matrix"]["os"]
    assert systems == ["ubuntu-latest", "ubuntu-24.04-arm", "macos-15-intel"]
    for machine in ("Linux on ARM", "macOS on Intel", "a container"):
        assert "in the workflow" in sure.pop(machine)
    assert "image" in WORKFLOW["jobs"]
    for machine in ("Windows", "macOS on Apple silicon", "Google Colab"):
        assert "untried" in sure.pop(machine)
    assert sure == {"Linux on x86-64": "**tested here**, with Python 3.10 to 3.15"}


@all_readmes
def test_readme_shows_every_notebook_and_its_minutes(name):
    rows = tables(DOCUMENTS[name])[1][1:]
    paths = sorted((ROOT / "notebooks" / name.removeprefix("README").removeprefix(".")).glob("*.ipynb"))
    assert len(rows) == len(paths)
    for (link, minutes, what), path in zip(rows, paths, strict=True):
        number, title, target = re.fullmatch(r"\[(\d\d) (.*)\]\((.*)\)", link).groups()
        assert ROOT / target == path
        assert number == path.name[:2]
        assert nbformat.read(path, as_version=4).cells[0].source.startswith(f"# {title}")
        assert 5 <= int(minutes) <= 120
        assert what
    hours = sum(int(minutes) for _, minutes, _ in rows) / 60
    assert 11.75 <= hours <= 12.25
    assert "About twelve hours in all" in BOOK["teaching"]


def test_exercises_are_six_a_chapter_and_eight_in_08():
    for path in sorted((ROOT / "notebooks").glob("**/0[1-9]*.ipynb")):
        numbers = set(re.findall(r'check\(\\?"(\d\d\.\d+)', path.read_text(encoding="utf-8")))
        number = 8 if path.name.startswith("08") else 6
        assert numbers == {f"{path.name[:2]}.{i}" for i in range(1, number + 1)}
    assert "six exercises of a chapter (08 has eight)" in README
    assert "six exercises, 08 in eight" in BOOK["teaching"]


# all documents


@all_documents
def test_links_lead_somewhere(name):
    folder = ROOT / "book" if name in PAGES else ROOT
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[name]):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (folder / file) if file else None
        if name in PAGES and file:
            assert file.removesuffix(".md") in [*PAGES, "reference", "index"], f"{file} is no page of the book"
        assert path is None or path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8") if path else DOCUMENTS[name]), target


@all_documents
def test_files_that_are_named_exist(name):
    for file in re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|yml|toml|cfg|lock|txt|ipynb))`", DOCUMENTS[name]):
        if "NN" not in file and file not in ("jupyterhub_config.py", ".github/workflows/notebooks.yml"):
            assert (ROOT / file).exists(), file


@all_documents
def test_commands_of_make_exist(name):
    text = DOCUMENTS[name]
    named = set(re.findall(r"`make(?: -C \S+)? ([a-z-]+)[ `]", text))
    named |= set(re.findall(r"^make ([a-z-]+)\b", "".join(blocks(text, "sh")), re.MULTILINE))
    assert named
    for target in named:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


@all_documents
def test_no_number_of_commands_is_named(name):
    assert not re.search(r"\bboth commands\b", DOCUMENTS[name])


@pytest.mark.parametrize("name", PAGES)
def test_code_in_a_page_fits(name):
    assert not [line for block in blocks(BOOK[name], r"\w*") for line in block.splitlines() if len(line) > 88]


def test_every_page_is_in_the_book():
    index = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    for name in PAGES:
        assert re.search(rf"^{name}$", index, re.MULTILINE)


def test_every_command_of_make_is_explained_to_those_whom_it_is_for():
    learners, authors = (re.findall(rf"^([a-z-]+):.*[^#]{signs} ", MAKEFILE, re.MULTILINE) for signs in ("##", "###"))
    for target in learners:
        assert f"`make {target}`" in BOOK["install"] or target == "help"
    for target in authors:
        assert f"`make {target}`" in CONTRIBUTING


# other languages


def twin(target, language):
    """Return where a link of another edition leads: to the twin of what the English one leads to, if there is one."""
    name, _, anchor = target.partition("#")
    path = Path(name)
    twins = [path.with_suffix(f".{language}{path.suffix}"), path.parent / language / path.name]
    other = next((path for path in twins if (ROOT / path).is_file()), path)
    if anchor and other != path:  # the heading at the same place
        before, after = (anchors((ROOT / page).read_text(encoding="utf-8")) for page in (path, other))
        anchor = after[before.index(anchor)]
    return f"{other}#{anchor}" if anchor else str(other) if other != path else target


def differences(english, other, language):
    """Return what differs between two documents besides their words, and that they lead to each other."""
    lines = [text.split("\n") for text in (english, other)]
    switches = [part.pop(2) for part in lines]  # the line below the title
    english, other = map("\n".join, lines)
    links = [parity.LINK.findall(text) for text in (english, other)]
    links[0] = [twin(link, language) for link in links[0]]
    english, other = (parity.LINK.sub("](link)", text) for text in (english, other))
    commands = [re.sub(r" *#.*", "", "".join(blocks(text, "sh"))) for text in (english, other)]
    found = parity._compare("links", *map(Counter, links))
    found += ["commands differ"] if commands[0] != commands[1] else []
    shapes = [[[len(row) for row in table] for table in tables(text)] for text in (english, other)]
    found += ["tables differ"] if shapes[0] != shapes[1] else []
    if not all(re.fullmatch(r"\[[^\]]+\]\([\w.]+\.md\)(?: · .*)?", line) for line in switches):
        found.append("no link to the other language below the title")
    return found + parity.prose_differences(english, other)


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_translation_has_the_structure_of_the_original(name):
    original, language = name.split(".")
    assert differences(DOCUMENTS[original], TRANSLATIONS[name], language) == []
    assert f"]({name}.md)" in DOCUMENTS[original].split("\n")[2]
    assert f"]({original}.md)" in TRANSLATIONS[name].split("\n")[2]


def test_readme_and_contributing_are_there_in_every_language_of_the_notebooks():
    languages = parity.languages()
    assert languages
    assert set(TRANSLATIONS) == {f"{name}.{language}" for name in ("README", "CONTRIBUTING") for language in languages}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("[English](README.md)\n", "\n", "no link to the other language"),
        ("## 开始", "### 开始", "headings"),
        ("\nmake test ", "\nmake run ", "commands"),
        ("```sh\ngit", "```\ngit", "fenced code"),
        ("](book/_static/", "](_static/", "links"),
        ("](LICENSE)", "](README.zh.md)", "links"),
        ("](notebooks/zh/07", "](notebooks/07", "links"),
        ("`make doctor`", "`make mend`", "code"),
        ("1,797", "1,787", "numbers"),
        ("\n| Windows | ", "\n", "rows of tables"),
        ("| Windows | ", "| ", "tables"),
    ],
)
def test_what_differs_is_noticed(old, new, what):
    assert TRANSLATIONS["README.zh"].count(old) == 1
    found = differences(README, TRANSLATIONS["README.zh"].replace(old, new), "zh")
    assert any(what in difference for difference in found), found


# install


def test_each_way_to_install_is_one_block():
    ways = [block for block in blocks(BOOK["install"], "sh") if "jupyter lab" in block]
    assert len(ways) == 3
    for way in ways:
        *_, last = way.splitlines()
        assert last == "jupyter lab notebooks/00_start_here.ipynb"
        assert ("-r requirements.txt" in way) + ("-r requirements.lock" in way) + ("-f environment.yml" in way) == 1
        assert len(re.findall(r"python3 -m venv|conda env create", way)) == 1
        assert "#" not in way


def test_libraries_for_linux_are_those_of_the_container():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for text in (README, BOOK["install"]):
        (line,) = re.findall(r"apt-get install (make [\w -]*)", text)
        libraries = [name for name in line.split() if name.startswith("lib")]
        assert libraries == ["libgomp1", "libquadmath0"]
        assert all(name in dockerfile for name in libraries)


# checks


def test_workflow_for_others_is_short_and_does_what_ours_does():
    text, instead = blocks(BOOK["checks"], "yaml")
    assert len(text.splitlines()) <= 12
    (job,) = yaml.safe_load(text)["jobs"].values()
    checkout, test = job["steps"]
    ours = WORKFLOW["jobs"]["make"]["steps"]
    assert checkout == ours[0]
    assert test["run"].replace(" -C d2l-chapter3", "") == ours[1]["run"].split(" PYTHON=")[0]
    assert job["runs-on"] in WORKFLOW["jobs"]["make"]["strategy"]["matrix"]["os"]
    (job,) = yaml.safe_load("".join([*text.splitlines(keepends=True)[:-1], instead]))["jobs"].values()
    assert [step.get("run") for step in job["steps"]] == [
        None,
        "make -C d2l-chapter3 .venv/.ready",
        ".venv/bin/python -m pytest notebooks",
    ]


# CONTRIBUTING


def test_table_of_modules_has_all_modules_and_all_names():
    (table,) = [table for table in tables(CONTRIBUTING) if table[0] == ["module", "names"]]
    rows = {re.match(r"\[`(\w+)`\]", module).group(1): names for module, names in table[1:]}
    folder = ROOT / "d2lhelpers"
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert set(rows) == {name for name in modules if not name.startswith("_")}
    for name, module in dh._MODULES.items():
        assert f"`{name}`" in rows[module]


def test_contenders_of_the_benchmark_are_explained():
    results = (ROOT / "benchmarks" / "results.md").read_text(encoding="utf-8")
    (table,) = [table for table in tables(CONTRIBUTING) if table[0] == ["name in the results", "what it is"]]
    shown = {name for table in tables(results) if table[0][0] == "contender" for name, *_ in table[1:]}
    assert shown <= {name for name, _ in table[1:]} == set(run.NAMES.values())
    assert re.search(r"^Machine: .*; \d{4}-\d\d-\d\d\.$", results, re.MULTILINE)
