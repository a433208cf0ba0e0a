"""The examples of runs on several machines: the script is run, the rest is read."""

import subprocess
import sys
from pathlib import Path

from d2lhelpers.cluster.settings import Settings

import pytest
import yaml
from cluster_runs import ROOT, Runs

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
    script = EXAMPLES / "train.py"
    short = runs.script(script.read_text(encoding="utf-8").replace("NUM_EPOCHS = 5", "NUM_EPOCHS = 2"), "short.py")
    lines = []
    try:
        for program in (short, short):
            run = runs.launch("--workers", 2, program, environ={"OUTPUT": str(tmp_path / "output")})
            assert run.wait() == 0, run.err
            lines += [line.split(" (")[0].split(": ")[1] for line in run.out.splitlines()]
        long = runs.script(script.read_text(encoding="utf-8").replace("NUM_EPOCHS = 5", "NUM_EPOCHS = 4"), "long.py")
        run = runs.start([sys.executable, long], {"OUTPUT": str(tmp_path / "other")})
        assert run.wait() == 0, run.err
        whole = [line.split(" (")[0].split(": ")[1] for line in run.out.splitlines()]
    finally:
        runs.close()
    assert len(lines) == len(whole) == 4
    assert lines[:2] == whole[:2]
    # The second run begins with an order of its own, so that losses agree to what the order of examples leaves.
    losses, others = ([float(line.split()[1].rstrip(",")) for line in text] for text in (lines, whole))
    assert losses[2] < losses[1] < losses[0]
    assert abs(losses[3] - others[3]) < 0.1 * others[3]
    assert {path.name for path in (tmp_path / "output").iterdir()} == {"digits.params", "digits.states"}
