"""Case (f) of the benchmark: several workers on this machine; and what follows from it for several machines, on paper.

The workers are started anew for each round, ours and those of Gluon's own ``kvstore="dist_sync"`` in turn. Of the
epochs of a run, the median is taken without the first one.
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import several_workers
from several_workers import MODELS, NUM_EXAMPLES, OWN

FOLDER = Path(__file__).resolve().parent
SCRIPT = FOLDER / "several_workers.py"
WORKERS = 1, 2, 4
NUM_EPOCHS = 6
TITLE = "(f) several workers on one machine, 59,392 {images}"
TITLES = {
    "softmax": "softmax regression, minibatches of 256",
    "mlp": "MLP with 256 hidden units, minibatches of 2,048",
}
NUM_PARAMETERS = {"softmax": 785 * 10, "mlp": 785 * 256 + 257 * 10}
PUSHES = 10, 1_000, 100_000, 1_000_000  # numbers of 4 bytes
MACHINES = 1, 2, 4, 8, 16, 32, 64
GIGABITS = 1, 10
TRAVEL = 1e-4  # seconds of a message's way through a switch, on top of what was measured


def environment(**variables):
    """Return this process's environment without what would make its children members of some run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DMLC_", "D2L_CLUSTER"))}
    return kept | {"PYTHONPATH": os.pathsep.join([str(FOLDER.parent), str(FOLDER)])} | variables


def threads(num_workers):
    return str(max(1, (os.cpu_count() or 1) // num_workers))


def result_of(text):
    """Return what the first worker has printed, also behind a prefix of the launcher's."""
    (line,) = re.findall(r"^(?:\[0\] )?(\[.*\])$", text, re.MULTILINE)
    return json.loads(line)


def ours(num_workers, *arguments, is_alone=False):
    """Return what workers under our launcher, or one process alone, have measured."""
    launcher = [] if is_alone else ["-m", "d2lhelpers.launch", "--workers", str(num_workers)]
    command = [sys.executable, "-W", "ignore", *launcher, SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} has failed:\n{done.stderr}")
    return result_of(done.stdout)


def gluons(num_workers, *arguments):
    """Return what workers of MXNet's own kind of run have measured; all on the address of this machine itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(port),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_WORKER": str(num_workers),
        "DMLC_NUM_SERVER": "1",
        "OMP_NUM_THREADS": threads(num_workers),
    }
    roles = ["scheduler", "server", *["worker"] * num_workers]
    processes = []
    try:
        for rank, role in enumerate(roles, start=-2):
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-W", "ignore", SCRIPT, *map(str, arguments)],
                    env=environment(**variables, **{OWN: role, "D2L_BENCH_RANK": str(rank)}),
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        while any(process.poll() is None for process in processes):
            if any(process.returncode for process in processes):  # the others would wait for it for ever
                raise RuntimeError(f"a run of Gluon's has failed: {arguments} with {num_workers} workers")
            time.sleep(0.05)
        texts = [process.stdout.read() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return result_of("".join(texts))


def epoch(result):
    """Return the median seconds of an epoch, and the last loss."""
    seconds, loss = result
    return statistics.median(seconds[1:]), loss


def train(repeats):
    """Return the seconds of an epoch in all rounds, by model, number of workers, and contender."""
    found = {}
    for round_ in range(repeats):
        for model in MODELS:
            for num_workers in WORKERS:
                print(f"(f) {model}, {num_workers} workers, round {round_ + 1} ...", flush=True)
                chosen = {"dh": (ours, num_workers), "gluon": (gluons, num_workers)}
                measured = {
                    name: epoch(start(n, name, model, NUM_EPOCHS, **({"is_alone": n == 1} if name == "dh" else {})))
                    for name, (start, n) in chosen.items()
                }
                losses = {name: loss for name, (_, loss) in measured.items()}
                if abs(losses["dh"] - losses["gluon"]) > 0.05 * losses["dh"]:
                    raise RuntimeError(f"not the same work: the losses are {losses}")
                for name, (seconds, _) in measured.items():
                    found.setdefault((model, num_workers, name), []).append(seconds)
    return found


def measure_pushes(repeats):
    """Return the median seconds of a push and pull, by the number of workers and of numbers."""
    found = {}
    for _ in range(repeats):
        for num_workers in WORKERS:
            for size, seconds in zip(PUSHES, ours(num_workers, "push", *PUSHES), strict=True):
                found.setdefault((num_workers, size), []).append(seconds)
    return {key: statistics.median(values) for key, values in found.items()}


def case(title, repeats, machine, table):
    """Measure; return the part of the results, and the ratios of each model and number of workers."""
    found, pushes = train(repeats), measure_pushes(repeats)
    ratios, parts = {}, []
    for model, name in TITLES.items():
        rows = []
        for num_workers in WORKERS:
            own, theirs = (found[model, num_workers, contender] for contender in ("dh", "gluon"))
            ratio = ratios[f"{model} {num_workers}"] = statistics.median(
                b / a for a, b in zip(own, theirs, strict=True)
            )
            rates = [f"{NUM_EXAMPLES / statistics.median(seconds):,.0f}" for seconds in (own, theirs)]
            rows.append([f"{num_workers}", *rates, f"{ratio:.2f}"])
        head = ["workers", "d2lhelpers: images a second", 'Gluon, `kvstore="dist_sync"`', "times ours"]
        parts.append(f"{name[0].upper()}{name[1:]}:\n\n{table(head, rows)}\n")
    seconds = {model: statistics.median(found[model, 1, "dh"]) / NUM_EXAMPLES for model in MODELS}
    text = (
        f"## {title}\n\nRounds: {repeats}; the processes of a run are started anew in each. Both have our loader and "
        f"the same size of minibatch for the whole run, and share {os.cpu_count()} cores; with one worker, ours is one "
        "process without a server. What this says about several machines is in "
        f"[several_machines.md](several_machines.md). {machine}.\n\n" + "\n".join(parts)
    )
    return text, ratios, paper(seconds, pushes, machine, table)


class Model:
    """What a step is predicted to take, from what was measured on one machine.

    Parameters
    ----------
    seconds_per_example : float
    num_bytes : int
        Of the gradients, which are those of the parameters.
    latency, seconds_per_byte : float
        Of a push and pull that is waited for: what it takes for next to nothing, and for each byte of each worker.
    """

    def __init__(self, seconds_per_example, num_bytes, latency, seconds_per_byte):
        self.seconds_per_example, self.num_bytes = seconds_per_example, num_bytes
        self.latency, self.seconds_per_byte = latency, seconds_per_byte

    def step(self, num_machines, batch_size, gigabits, num_servers=1):
        """Return the seconds of a step."""
        work = batch_size / num_machines * self.seconds_per_example
        if num_machines == 1:
            return work
        at_a_server = num_machines * self.num_bytes / num_servers
        through_a_cable = max(
            (num_machines - 1) * self.num_bytes / num_servers,  # of a server's machine
            self.num_bytes * (num_servers - 1) / num_servers,  # of a worker's machine, if it has a server, too
        )
        talk = self.latency + 4 * TRAVEL + at_a_server * self.seconds_per_byte
        return work + talk + 2 * 8 * through_a_cable / (gigabits * 1e9)

    def speed_up(self, num_machines, batch_size, *where):
        """Return how many times as fast so many machines are as one."""
        return self.step(1, batch_size, *where) / self.step(num_machines, batch_size, *where)


def paper(seconds, pushes, machine, table):
    """Return the text of several_machines.md."""
    small, large = PUSHES[0], PUSHES[-1]
    most = WORKERS[-1]
    latency = pushes[2, small]
    per_byte = (pushes[most, large] - pushes[most, small]) / (4 * large * most)
    cost = [
        [f"{size:,}", f"{4 * size / 1e6:,.3f} MB", *(f"{pushes[n, size] * 1e3:.2f} ms" for n in WORKERS)]
        for size in PUSHES
    ]
    parts = []
    for model, name in TITLES.items():
        batch_size = MODELS[model][1]
        predicted = Model(seconds[model], 4 * NUM_PARAMETERS[model], latency, per_byte)
        rows = []
        for machines in MACHINES[1:]:
            fixed = [predicted.speed_up(machines, batch_size, gigabits) for gigabits in GIGABITS]
            spread = [predicted.speed_up(machines, batch_size, gigabits, machines) for gigabits in GIGABITS]
            larger = [predicted.speed_up(machines, batch_size * machines, gigabits) for gigabits in GIGABITS]
            rows.append([f"{machines}", *(f"{value:.2f}" for value in (*fixed, *spread, *larger))])
        head = ["machines", "1 Gbit/s", "10 Gbit/s"]
        head += [f"{rate}, {more}" for more in ("a server each", "larger minibatch") for rate in head[1:3]]
        parts.append(
            f"### {name[0].upper()}{name[1:]}\n\n{NUM_PARAMETERS[model]:,} parameters, "
            f"{4 * NUM_PARAMETERS[model] / 1e6:.3f} MB of gradients; one process takes "
            f"{seconds[model] * 1e6:.2f} µs an example, {seconds[model] * batch_size * 1e3:.2f} ms a step.\n\n"
            f"{table(head, rows)}\n"
        )
    return f"""# Several machines, on paper

Written by `benchmarks/run.py` with what it measured in case (f). No second machine was there to try it on: this is what
follows from one, by a formula that you can check, and correct with numbers of your own.

{machine}.

## Measured: a push and pull that is waited for

A worker sends an array to the server, which adds up those of all workers, and gets the sum back. All of it on one
machine, median of {several_workers.REPEATS} each:

{table(["numbers", "size", *(f"{n} worker{'s' * (n > 1)}" for n in WORKERS)], cost)}

## The formula

For m machines with one worker each, minibatches of B examples for the whole run, gradients of G bytes, S servers, and
a network of W bits a second, a step takes

    T(1) = B · c
    T(m) = B/m · c  +  a  +  4 · d  +  m · G/S · b  +  2 · 8 · max((m − 1) · G/S, (S − 1) · G/S) / W

- c, the seconds of an example in one process: below, for each model.
- a = {latency * 1e3:.2f} ms, a push and pull of next to nothing, by two workers.
- d = {TRAVEL * 1e3:.1f} ms, a message's way through a switch. This one is assumed; there are four: the push, the pull,
  and the answer to each.
- b = {per_byte * 1e9:.2f} ns for each byte of each worker: the server's copying and adding. It is the slope from
  {small} to {large:,} numbers for {most} workers. They share this machine's cores, so it is rather too high for
  machines of their own.
- The last term is the cable of a server's machine: it carries the gradients of all other machines in, then the sums
  out. With one server (S = 1), that is m − 1 times G each way, and no number of machines makes it faster. With a server
  on each machine (S = m, `DMLC_NUM_SERVER`), it stays below G each way.

Nothing overlaps in this formula, though in a run the arrays of one layer travel while those of others are computed. So
it is a lower bound of the speed, as far as c, a and b hold for your machines.

## Predicted: how many times as fast as one machine

"A server each" is S = m. "Larger minibatch" keeps B for each machine, so that the whole run's is m · B; the number of
examples a second is compared. A larger minibatch needs another learning rate, and does not always learn as much.

{chr(10).join(parts)}
Below 1.00, several machines are slower than one. The larger the model is for each example's work, the more its
gradients cost; the larger the minibatch, the less often they travel.
"""


def write(text):
    (FOLDER / "several_machines.md").write_text(text, encoding="utf-8")
