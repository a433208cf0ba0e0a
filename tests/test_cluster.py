"""The parts of a run of several processes that need no other process: settings, messages, output, options."""

import ast
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import launch
from d2lhelpers.cluster import reasons, wire
from d2lhelpers.cluster.output import Output, copy
from d2lhelpers.cluster.settings import Settings, SettingsError, environment_for_mxnet
from d2lhelpers.cluster.wire import Wire, WireError, free_place, listen

import pytest

RUN = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": "9091", "DMLC_NUM_WORKER": "2", "DMLC_ROLE": "worker"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DMLC_ROLE": "boss"}, "DMLC_ROLE must be scheduler, server or worker, but is 'boss'"),
        ({"DMLC_PS_ROOT_URI": None}, "DMLC_PS_ROOT_URI is not set; a worker needs it"),
        ({"DMLC_PS_ROOT_PORT": "http"}, "DMLC_PS_ROOT_PORT must be a whole number from 1 to 65535, but is 'http'"),
        ({"DMLC_PS_ROOT_PORT": "65536"}, "from 1 to 65535, but is '65536'"),
        ({"DMLC_NUM_WORKER": "0"}, "DMLC_NUM_WORKER must be a whole number from 1 to 1000, but is '0'"),
        ({"DMLC_NUM_WORKER": "²"}, "DMLC_NUM_WORKER must be"),
        ({"DMLC_PS_ROOT_URI": "0.0.0.0"}, "DMLC_PS_ROOT_URI is 0.0.0.0, all interfaces of this machine"),
        ({"DMLC_PS_ROOT_URI": "::"}, "DMLC_PS_ROOT_URI is ::, all interfaces of this machine"),
        ({"DMLC_NODE_HOST": "0"}, "DMLC_NODE_HOST is 0, all interfaces of this machine"),
        (
            {"DMLC_PS_ROOT_URI": "nowhere.invalid", "D2L_CLUSTER_WAIT": "1"},
            "DMLC_PS_ROOT_URI is nowhere.invalid, of which there is no address",
        ),
    ],
)
def test_settings_that_are_wrong(change, message):
    environ = {name: value for name, value in (RUN | change).items() if value is not None}
    with pytest.raises(SettingsError, match=message.replace(".", r"\.")):
        Settings.from_environment(environ)


def test_settings_resolve_names():
    settings = Settings.from_environment(RUN | {"DMLC_PS_ROOT_URI": "localhost", "DMLC_WORKER_ID": "1"})
    assert settings.host == "127.0.0.1"
    assert settings.rank == 1
    assert settings.wait == 60


def test_mxnet_is_told_where_to_listen_and_nothing_that_overrules_it():
    variables, hidden = environment_for_mxnet(Settings.from_environment(RUN), ("127.0.0.9", 9092), "127.0.0.2")
    assert variables["DMLC_NODE_HOST"] == "127.0.0.2"
    assert variables["DMLC_PS_ROOT_URI"] == "127.0.0.9"
    assert variables["DMLC_PS_ROOT_PORT"] == "9092"
    assert {"DMLC_INTERFACE", "DMLC_USE_KUBERNETES", "DMLC_LOCAL", "PORT"} <= set(hidden)


def send(connection, data):
    with connection, contextlib.suppress(OSError):  # what is too long is not read to its end
        connection.sendall(data)


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"5\n", b"[" * 50000 + b"\n", b"x" * (2**20 + 2**17)])
def test_what_is_no_message(data):
    here, there = socket.socketpair()
    wire = Wire(there)
    sender = threading.Thread(target=send, args=(here, data))
    sender.start()
    with pytest.raises(WireError):
        wire.receive(10)
    wire.close()
    sender.join()


def test_messages_keep_every_digit():
    here, there = map(Wire, socket.socketpair())
    values = [0.1, 1e-300, float("inf"), 2**53 + 1]
    here.send({"value": values})
    assert there.receive(10) == {"value": values}
    here.close()
    there.close()


def test_a_listener_is_on_one_address():
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", 0)  # an address for documentation


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has more than one address for itself")
def test_each_run_on_one_machine_has_an_address_of_its_own():
    places = [free_place("127.0.0.1") for _ in range(3)]
    assert len({address for address, _port in places}) == 3
    for place in places:
        with listen(*place) as listener:
            assert listener.getsockname() == place


def test_the_address_is_the_only_one_where_there_are_no_others(monkeypatch):
    def listen_on_macos(host, port):
        if host != "127.0.0.1":
            raise OSError("Can't assign requested address")
        return listen(host, port)

    monkeypatch.setattr(wire, "listen", listen_on_macos)
    assert free_place("127.0.0.1")[0] == "127.0.0.1"
    with pytest.raises(OSError, match="assign"):
        free_place("192.0.2.1")


def test_reasons_are_said_in_chinese():
    dh.set_language("zh")
    try:
        reason = {"why": "signal", "who": reasons.name("worker", "10.0.0.2", 1), "signal": "SIGKILL"}
        assert reasons.say(reason) == "“10.0.0.2 上的工作进程 1”被信号 SIGKILL 结束了。请检查那台机器，再重新开始运行。"
    finally:
        dh.set_language("en")


def test_every_reason_that_is_given_can_be_said():
    folder = Path(reasons.__file__).parent.parent
    given = set()
    for path in [*folder.glob("cluster/*.py"), folder / "launch.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "why" and isinstance(value, ast.Constant):
                        given.add(value.value)
    # What workers agree on is named by the call that compares it.
    assert given - {"settings"} <= set(reasons._SENTENCES)
    assert set(reasons._SENTENCES) - given == {"parameters", "examples", "training", "num_workers", "num_servers"}


def copied(*chunks, pause=0):
    stream = io.BytesIO()
    source, target = os.pipe()

    def write():
        for chunk in chunks:
            os.write(target, chunk)
            time.sleep(pause)
        os.close(target)

    thread = threading.Thread(target=write)
    thread.start()
    copy(source, Output(stream), 0, b"[0] ")
    thread.join()
    os.close(source)
    return stream.getvalue()


def test_output_gets_a_prefix_a_line():
    assert copied(b"one\ntwo\n") == b"[0] one\n[0] two\n"
    assert copied(b"one\nwithout an end") == b"[0] one\n[0] without an end\n"


@pytest.mark.parametrize("pause", [0, 0.05])
def test_a_progress_bar_stays_one_line(pause):
    out = copied(b"\repoch 1:  10%", b"\repoch 1: 100%", b"\r             \r", b"done\n", pause=pause)
    assert out.count(b"\n") == 1
    assert b"\r[0] epoch 1:  10%\r[0] epoch 1: 100%" in out
    assert out.endswith(b"[0] done\n")
    assert copied(b"\repoch 1: 100%", b"\r").endswith(b"100%\r")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "--workers must be at least 1, but is 0"),
        (["--workers", "4", "--here", "2"], "say where the others find this machine, with --listen ADDRESS:PORT"),
        (["--workers", "2", "--listen", "127.0.0.1:1", "--here", "3"], "--here must be from 1 to 2"),
        (["--workers", "2", "--listen", "127.0.0.1"], "--listen must be an address and a port, such as 10.0.0.1:9091"),
        (["--workers", "2", "--join", "127.0.0.1:99999"], "--join must be an address and a port"),
        (["--workers", "2", "--join", "0.0.0.0:9091"], "--join is 0.0.0.0, all interfaces"),
        (["--workers", "2", "--wait", "0"], "--wait must be at least 1"),
    ],
)
def test_options_that_are_wrong(arguments, message, capsys):
    assert launch.main([*arguments, __file__]) == 2
    assert message in capsys.readouterr().err


def test_a_script_that_is_not_there(capsys):
    assert launch.main(["--workers", "2", "nowhere.py"]) == 2
    assert "there is no script 'nowhere.py' here" in capsys.readouterr().err


def test_who_does_not_use_it_pays_nothing():
    code = "import sys, d2lhelpers; print([name for name in sys.modules if 'cluster' in name or name == 'mxnet'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    code = "import d2lhelpers as dh, sys; print(dh.rank(), dh.num_workers(), 'mxnet' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "0 1 False\n"


def test_a_port_that_mxnet_finds_taken_is_an_error():
    code = """
import sys
from d2lhelpers.cluster import library
from d2lhelpers.cluster.settings import Settings, environment_for_mxnet
settings = Settings("scheduler", "127.0.0.1", 1, 2)
try:
    library.serve(*environment_for_mxnet(settings, ("127.0.0.1", int(sys.argv[1])), "127.0.0.1"), print)
except library.EngineError as error:
    print(error, "mxnet" in sys.modules)
"""
    with listen("127.0.0.1", 0) as listener:
        command = [sys.executable, "-c", code, str(listener.getsockname()[1])]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.endswith("bind failed False\n")


def test_no_module_of_the_runs_reads_pickles():
    folder = Path(reasons.__file__).parent
    for path in folder.glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not names & {"pickle", "marshal", "shelve"}
    assert json.loads(json.dumps(reasons.name("worker", "10.0.0.1", 0))) == reasons.name("worker", "10.0.0.1", 0)
