"""The notebooks in JupyterLab, as a learner uses them: with the mouse, the menus and the keyboard."""

import configparser
import json
import re

import pytest

from conftest import ROOT

NAMES = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]


def without_times(text):
    """Leave out what a clock has measured, by the rules that the check of the stored outputs has, too."""
    rules = configparser.RawConfigParser()
    rules.read(ROOT / "tests" / "sanitize.cfg")
    for rule in rules.values():
        if "regex" in rule:
            text = re.sub(rule["regex"], rule["replace"], text)
    return text


def results(cells):
    """Return what each cell of code has printed and shown; of a picture, that there is one."""
    shown = []
    for cell in cells:
        texts = [
            without_times("".join(output.get("text") or output["data"].get("text/plain", "")))
            for output in cell["outputs"]
        ]
        pictures = sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        shown.append(("".join(texts), pictures))
    return shown


def check_a_whole_run(notebook, stored):
    cells = notebook.save()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert results(cells) == results(stored)

    page = notebook.page
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    folded = [cell["metadata"].get("jupyter", {}).get("source_hidden", False) for cell in cells]
    assert prompts == ["" if is_folded else f"[{number}]:" for number, is_folded in enumerate(folded, 1)]
    for kind in ("error", "stderr"):
        assert page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").count() == 0

    images = page.locator(".jp-OutputArea img")
    assert images.count() == sum(pictures for _, pictures in results(cells))
    for image in images.all():
        image.scroll_into_view_if_needed()
        size = image.evaluate(
            "async image => { await image.decode(); return [image.clientWidth, image.clientHeight]; }"
        )
        assert min(size) > 100
    assert notebook.wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_run_all_and_again_after_a_restart(open_notebook, name):
    stored = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    stored = [cell for cell in stored if cell["cell_type"] == "code"]
    notebook = open_notebook(name)
    notebook.run_all()
    check_a_whole_run(notebook, stored)
    notebook.screenshot(f"lab-{name}")
    notebook.restart_and_run_all()
    check_a_whole_run(notebook, stored)


def test_exercise_is_answered_wrongly_and_then_rightly(open_notebook, lab):
    notebook = open_notebook("01_linear_regression")
    notebook.run(notebook.cell("import d2lhelpers as dh"))
    exercise = notebook.cell('dh.check("01.1"')
    for answer, reply in [("3", "its factor of three"), ("9", "01.1 right.")]:
        notebook.rewrite(exercise, f'answer = {answer}\n\ndh.check("01.1", answer)')
        assert reply in exercise.locator(".jp-OutputArea").inner_text()
        assert (lab.progress.exists() and "01.1" in lab.progress.read_text().split()) == (answer == "9")
    assert notebook.wrong == []


def test_without_the_token_there_is_no_notebook_and_no_kernel(lab, open_page):
    for token in (None, "0" * 48):
        assert lab.ask("api/contents/01_linear_regression.ipynb", token=token)[0] == 403
        assert lab.ask("api/kernels", token=token)[0] == 403
        assert lab.ask("api/kernels", "POST", token=token)[0] == 403
        assert lab.ask("api/sessions", "POST", token=token)[0] == 403
        for path in ("lab/tree/01_linear_regression.ipynb", "files/01_linear_regression.ipynb"):
            text = lab.ask(path, token=token)[1]
            assert "Predict house prices" not in text
            assert "Token authentication is enabled" in text
    assert lab.ask("api/contents/01_linear_regression.ipynb", token=lab.token)[0] == 200

    page = open_page(f"{lab.origin}lab/tree/01_linear_regression.ipynb", lab.origin).page
    assert page.locator("#password_input").is_visible()
    assert page.locator(".jp-Notebook").count() == 0
    assert json.loads(lab.ask("api/kernels", token=lab.token)[1]) == []
