"""The stored notebooks: each is one clean run, follows the frame, and its check catches a changed number."""

import base64
import copy
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbFile, get_sanitize_patterns

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
from notebook_paths import language_of, name_of, notebooks  # noqa: E402 - the folder of tools has to be named first

SANITIZE = get_sanitize_patterns((ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8"))
PATHS = notebooks()
CHAPTERS = [path for path in PATHS if not path.name.startswith("00")]

FRAMES = {
    "en": [
        "**What you'll do**",
        "**What you'll learn**",
        "**What you'll need**",
        "## The lines to remember",
        "## On your own",
        "## In practice",
        "## Further reading",
    ],
    "zh": [
        "**要做的事**",
        "**学习目标**",
        "**预备知识**",
        "## 要记住的代码行",
        "## 自己动手",
        "## 实际应用",
        "## 延伸阅读",
    ],
}

all_notebooks = pytest.mark.parametrize("path", PATHS, ids=name_of)
all_chapters = pytest.mark.parametrize("path", CHAPTERS, ids=name_of)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    editions = {language_of(path): [] for path in PATHS}
    for path in PATHS:
        editions[language_of(path)].append(path.name[:2])
    assert len(editions["en"]) >= 4
    for numbers in editions.values():
        assert numbers == [f"{i:02}" for i in range(len(editions["en"]))]


@all_notebooks
def test_outputs_are_those_of_one_clean_run(path):
    # nbval compares nothing in a cell that has no execution count.
    cells = code_cells(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert cell.source.strip()
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            assert "image/svg+xml" not in output.get("data", {})  # its text differs between matplotlib's versions


@all_notebooks
def test_no_cell_is_ignored(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert not re.search("nbval", cell.source, re.IGNORECASE)
        assert set(cell.metadata.get("tags", [])) <= {"cover", "remove-cell", "compare-coarsely"}


@all_notebooks
def test_nothing_of_the_authors_machine_is_stored(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"jupyter", "mystnb", "tags"}
        text = "".join(output.get("text", "") for output in cell.get("outputs", []))
        assert not re.search(r"(/home|/root|/tmp|/Users)/", cell.source + text)


@all_chapters
def test_chapter_has_the_frame(path):
    notebook = nbformat.read(path, as_version=4)
    text = prose(notebook)
    assert text.startswith("# ")
    places = [text.find(part) for part in FRAMES[language_of(path)]]
    assert -1 not in places
    assert places == sorted(places)
    recap = text[places[3] : places[4]]
    assert recap.count("\n| ") >= 5


@all_chapters
def test_chapter_has_figures_and_a_cover(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    pictures = {
        i: output.data["image/png"]
        for i, cell in enumerate(cells)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    }
    assert len(pictures) >= 3
    (cover,) = [i for i, cell in enumerate(cells) if "cover" in cell.metadata.get("tags", [])]
    image = path.parent / "images" / path.with_suffix(".png").name
    assert image.read_bytes() == base64.b64decode(pictures[cover]), "run make store"


@all_notebooks
def test_its_words_are_those_of_its_language(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|<[^>]*>", " ", cell.source, flags=re.DOTALL)
            latin, chinese = (len(re.findall(pattern, text)) for pattern in (r"[A-Za-z]{2,}", "[\u4e00-\u9fff]"))
            assert (chinese > latin) == (language_of(path) == "zh") or not latin + chinese, cell.source


@all_notebooks
def test_links_to_files_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", prose(nbformat.read(path, as_version=4))):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@all_chapters
def test_start_here_shows_every_chapter(path):
    text = prose(nbformat.read(path.parent / PATHS[0].name, as_version=4))
    assert f"({path.name})" in text
    assert f"(images/{path.stem}.png)" in text


def change_a_digit(text, rng):
    """Return `text` with one digit changed that no sanitize rule covers, or None if there is none."""
    covered = [match.span() for regex, _ in SANITIZE for match in re.finditer(regex, text)]
    free = [
        match.start()
        for match in re.finditer(r"\d", text)
        if not any(start <= match.start() < end for start, end in covered)
    ]
    if not free:
        return None
    at = rng.choice(free)
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


def change_a_digit_in_an_output(outputs, rng):
    """Return a copy of a cell's outputs with one digit changed, or None if they have none that is compared."""
    changed = copy.deepcopy(outputs)
    for output in changed:
        holder, key = (output, "text") if "text" in output else (output.get("data", {}), "text/plain")
        text = change_a_digit(holder.get(key, ""), rng)
        if text is not None:
            holder[key] = text
            return changed
    return None


@all_notebooks
def test_a_changed_digit_in_any_cell_is_noticed(path, request):
    """By nbval's own comparison with the project's options; that it does run and compare, the next test shows."""
    file = IPyNbFile.from_parent(request.session, path=path)
    file.setup_sanitize_files()
    rng, num_changed = random.Random(path.name), 0
    for cell in file.collect():
        assert cell.options["check"]
        assert not cell.options["skip"]
        outputs = cell.cell.outputs
        assert cell.compare_outputs(outputs, outputs)
        changed = change_a_digit_in_an_output(outputs, rng)
        if changed is not None:
            num_changed += 1
            assert not cell.compare_outputs(changed, outputs), cell.name
    assert num_changed


def test_check_catches_a_changed_digit_in_every_cell_that_has_run(tmp_path):
    """In the first cells of a chapter, by the same command as every check; all of them would take as long as it."""
    notebook = nbformat.read(next(path for path in CHAPTERS if path.name.startswith("02")), as_version=4)
    twelfth = code_cells(notebook)[12]
    notebook.cells = notebook.cells[: notebook.cells.index(twelfth)]
    rng, changed = random.Random(0), set()
    for number, cell in enumerate(code_cells(notebook)):
        outputs = change_a_digit_in_an_output(cell.outputs, rng)
        if outputs is not None:
            cell.outputs = outputs
            changed.add(number)
    assert len(changed) >= 3
    nbformat.write(notebook, tmp_path / "chapter.ipynb")

    report = tmp_path / "report.xml"
    options = ["-c", "pyproject.toml", "-n0", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([sys.executable, "-m", "pytest", *options, tmp_path], cwd=ROOT, capture_output=True, check=False)

    cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    assert len(cases) == 12
    failed = {int(case.get("name").removeprefix("Cell ")) for case in cases if case.find("failure") is not None}
    assert failed == changed


def test_only_what_a_clock_measures_is_sanitized():
    text = (
        "epoch 3: loss 0.283, test accuracy 0.956 (0.075 s)\n8,017 examples/s\nloop 1.5 ms\n312 times faster\n"
        "60 steps\n"
        "迭代周期 3：损失 0.283，测试准确率 0.956（0.075 秒）\n8,017 个样本/秒\n循环 1.5 毫秒\n快 312 倍\n"
        "准确率 0.9，60 步，3 倍，5 个样本"
    )
    for regex, replace in SANITIZE:
        text = re.sub(regex, replace, text)
    assert text == (
        "epoch 3: loss 0.283, test accuracy 0.956 (DURATION)\nSPEED examples/s\nloop DURATION\n"
        "RATIO times faster\n60 steps\n"
        "迭代周期 3：损失 0.283，测试准确率 0.956（DURATION）\nSPEED examples/s\n循环 DURATION\nRATIO times faster\n"
        "准确率 0.9，60 步，3 倍，5 个样本"
    )


@all_notebooks
def test_no_file_of_the_system_is_handed_to_the_profiler(path):
    """MXNet's profiler removes the file that it is given, and a superuser may remove /dev/null."""
    sources = [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]
    assert not any("devnull" in source or "/dev/" in source for source in sources)


def test_the_rules_are_found_from_every_folder_and_read_in_every_locale():
    """Under the C locale, Python reads files as ASCII if it is told not to take UTF-8 for that."""
    env = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "00_start_here.ipynb"]
    done = subprocess.run(command, cwd=ROOT / "notebooks", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
