"""The examples of runs on several machines: the script is run, the rest is read."""

import subprocess
import sys
from pathlib import Path

from d2lhelpers.cluster.settings import Settings

import numpy as np
import pytest
import yaml
from cluster_runs import ROOT, Runs
from mxnet import nd

EXAMPLES = Path(ROOT) / "examples"


@pytest.fixture
def known_names(monkeypatch):
    """Let the names of other machines be known."""
    names = []

    def find(host, *_, **__):
        names.append(host)
        return [(None, None, None, None, ("10.0.0.1", 0))]

    monkeypatch.setattr("socket.getaddrinfo", find)
    return names


def test_compose(known_names):
    services = yaml.safe_load((EXAMPLES / "compose.yml").read_text(encoding="utf-8"))["services"]
    settings = {name: Settings.from_environment(service["environment"]) for name, service in services.items()}
    assert {name: of.role for name, of in settings.items()} == {name: name for name in services}
    assert set(known_names) == {"scheduler"}  # which is the name of a service
    assert all(of.num_workers == services["worker"]["deploy"]["replicas"] for of in settings.values())
    assert {of.num_servers for of in settings.values()} == {1}
    for service in services.values():
        assert service["command"].split()[1] == "examples/train.py"
        assert "ports" not in service


def test_kubernetes(known_names):
    service, job = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8"))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {variable["name"]: variable.get("value", "10.0.0.5") for variable in container["env"]}
    (script,) = container["args"]
    roles = []
    for index in range(job["spec"]["completions"]):
        shell = script.replace("exec python examples/train.py", "echo $DMLC_ROLE")
        run = subprocess.run(
            [*container["command"], shell], env={"JOB_COMPLETION_INDEX": str(index)}, capture_output=True, text=True
        )
        roles.append(run.stdout.strip())
        settings = Settings.from_environment(environ | {"DMLC_ROLE": roles[-1]})
    assert roles.count("worker") == settings.num_workers
    assert roles.count("server") == settings.num_servers
    assert roles[0] == "scheduler"
    assert environ["DMLC_PS_ROOT_URI"] == f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"]


def test_a_run_goes_on_from_the_parameters_that_were_saved(tmp_path):
    runs = Runs(tmp_path)
    text = (EXAMPLES / "train.py").read_text(encoding="utf-8")
    script = runs.script(text.replace("NUM_EPOCHS = 5", "NUM_EPOCHS = 1"), "short.py")
    folders = [tmp_path / name for name in ("alone", "together")]
    # One process trains and goes on, and beside it two go on from where it was in between.
    twice = f"""
        import runpy, shutil
        runpy.run_path({str(script)!r})
        shutil.copytree({str(folders[0])!r}, {str(folders[1])!r})
        runpy.run_path({str(script)!r})
    """
    try:
        alone = runs.start([sys.executable, runs.script(twice, "twice.py")], {"OUTPUT": str(folders[0])})
        assert alone.wait() == 0, alone.err
        run = runs.launch("--workers", 2, script, environ={"OUTPUT": str(folders[1])})
        assert run.wait() == 0, run.err
        first, second = (line.split(" (")[0] for line in alone.out.splitlines())
        assert [line.split(" (")[0] for line in run.out.splitlines()] == [f"[0] {second}"]
        losses = [float(line.split("loss ")[1].split(",")[0]) for line in (first, second)]
        assert losses[1] < losses[0]
    finally:
        runs.close()
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {"epoch-001", "epoch-002"}
    expected, found = (nd.load(str(folder / "epoch-002" / "parameters")) for folder in folders)
    for name, param in expected.items():
        np.testing.assert_allclose(found[name].asnumpy(), param.asnumpy(), rtol=0, atol=1e-6)


def test_a_run_that_is_killed_while_it_saves_goes_on_from_the_epoch_before(tmp_path):
    runs = Runs(tmp_path)
    text = (EXAMPLES / "train.py").read_text(encoding="utf-8").replace("NUM_EPOCHS = 5", "NUM_EPOCHS = 2")
    (line,) = [line for line in text.splitlines() if "trainer.save_states(" in line]
    path = line[line.index("(") + 1 : -1]
    indent = line[: len(line) - len(line.lstrip())]
    half = f"{indent}if epoch == 2: data = open({path}, 'rb').read(); open({path}, 'wb').write(data[: len(data) // 2])"
    killed = f"{indent}if epoch == 2: os.kill(os.getpid(), 9)"
    script = runs.script(text.replace(line, f"{line}\n{half}\n{killed}"), "killed.py")
    whole = runs.script(text, "whole.py")
    folder = tmp_path / "saved"
    try:
        run = runs.launch("--workers", 2, script, environ={"OUTPUT": str(folder)})
        assert run.wait() == 1
        assert "worker 0 on 127.0.0.1 was ended by the signal SIGKILL" in run.err
        assert sorted(path.name for path in folder.iterdir()) == ["epoch-001", "unfinished"]
        before = {path.name: path.read_bytes() for path in (folder / "epoch-001").iterdir()}
        # Who needs the space may remove earlier ones: here a run of 7 epochs has been cleared up.
        (folder / "epoch-001").rename(folder / "epoch-007")
        again = runs.launch("--workers", 2, whole, environ={"OUTPUT": str(folder)})
        assert again.wait() == 0, again.err
    finally:
        runs.close()
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-007", "epoch-008", "epoch-009"]
    assert {path.name: path.read_bytes() for path in (folder / "epoch-007").iterdir()} == before
    first, last = (nd.load(str(folder / f"epoch-00{epoch}" / "parameters")) for epoch in (7, 9))
    assert all((first[name] != last[name]).sum().asscalar() for name in first)
