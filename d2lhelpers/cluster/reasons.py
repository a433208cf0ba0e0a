"""Why a run has ended: who, where, why, and what to do, as plain data that each machine says in its own language."""

from ..language import N_, _, joined

# A reason is a dictionary with the key "why" and the fields of the sentence. It travels as JSON.
_SENTENCES = {
    "killed": N_(
        "{who} has ended without a word (killed, or out of memory). Look at that machine, and start the run again."
    ),
    "status": N_("{who} has ended with the status {status}. Its own output says why; mend that, and start again."),
    "signal": N_("{who} was ended by the signal {signal}. Look at that machine, and start the run again."),
    "failed": N_("{who} has failed: {error} Mend that, and start the run again; its own output says where it was."),
    "interrupted": N_(
        "{who} was interrupted. Start the run again, from the parameters that were saved last if there are any."
    ),
    "lost": N_(
        "{who} can no longer be reached: nothing was heard for {seconds} s. Look at its network and its power, and "
        "start the run again."
    ),
    "missing": N_(
        "{missing} did not come within {seconds} s. Start the missing ones, with the same address and number of "
        "workers, or wait longer with --wait."
    ),
    "waits": N_(  # the only one that ends nothing
        "{other} has been waiting for {who} for {seconds} s. If that one is stuck, end it; the run ends with it, and "
        "can be started again."
    ),
    "left": N_(
        "{who} is through with its script, but {other} waits for it. All workers must run the same calls: look for "
        "branches that depend on dh.rank()."
    ),
    "parameters": N_(
        "{who} has parameters of the shapes {value}, but {other} has {other_value}. All workers must train the same "
        "network: run the same script everywhere."
    ),
    "examples": N_(
        "{who} has other examples, or another batch size, than {other}. Have all workers read the same files, and make "
        "up the same numbers: call dh.seed first."
    ),
    "calls": N_(
        "{who} has come to another call of d2lhelpers than {other}. All workers must run the same calls: look for "
        "branches that depend on dh.rank()."
    ),
    "training": N_(
        "{who} calls dh.train with other arguments than {other} ({value}, not {other_value}). Run the same script, "
        "with the same arguments, everywhere."
    ),
    "script": N_("{who} runs another script than {other}. Copy the same file to each machine, and start again."),
    "mxnet": N_("{who} has MXNet {value}, but the scheduler has {other_value}. Install the same version everywhere."),
    "num_workers": N_(
        "{who} was started for {value} workers, but the scheduler for {other_value}. Give the same number everywhere."
    ),
    "num_servers": N_(
        "{who} was started for {value} servers, but the scheduler for {other_value}. Give the same number everywhere."
    ),
    "full": N_(
        "{who} came to a run that has all of its {value} workers. If that is another run, choose another port for "
        "this one."
    ),
    "taken": N_("{who} came a second time. Give each worker another number in DMLC_WORKER_ID, or none at all."),
    "too many here": N_("--here is {value} for {who}, but only {other_value} workers are missing. Say fewer."),
    "engine": N_("MXNet could not begin on {who}: {error} Start the run again."),
    "unopened": N_(
        "MXNet's own part did not begin within {seconds} s on {waiting}. Let all ports between these machines be open, "
        "and start the run again, or wait longer with --wait."
    ),
    "no scheduler": N_(
        "no scheduler answered at {address} within {seconds} s ({error}). Start it first, look at address, port and "
        "firewall, or wait longer with --wait."
    ),
    "foreign": N_(
        "what answers at {address} is no run of d2lhelpers of this version. Another service has that port: choose "
        "another one for the whole run."
    ),
    "closed": N_(
        "what answered at {address} has closed the connection at once. If a run was just ending there, its other "
        "processes say why, and it can be started again; if that is another service, choose another port for the "
        "whole run."
    ),
    "in use": N_(
        "{address} cannot be listened on ({error}). Another run or service may have the port: choose another one. The "
        "address must be one of this machine."
    ),
}
_NAMES = {
    "scheduler": N_("the scheduler on {machine}"),
    "server": N_("server {rank} on {machine}"),
    "worker": N_("worker {rank} on {machine}"),
    "newcomer": N_("a worker on {machine}"),
    "launcher": N_("the launcher on {machine}"),
    "absent worker": N_("worker {rank}"),
    "absent server": N_("server {rank}"),
}


def name(role, machine, rank=None):
    """Return the name of a member of a run, as plain data."""
    return {"role": role, "machine": machine, "rank": rank}


def describe(error):
    """Return an error in one line that ends as a sentence does.

    Examples
    --------
    >>> describe(ValueError("no such thing"))
    'ValueError: no such thing.'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__  # MXNet's begin with a traceback
    return text if text.endswith((".", "!", "?")) else text + "."


def say(reason):
    """Return in a sentence why a run has ended, in the language that is chosen now.

    Parameters
    ----------
    reason : dict
        ``why``, a key of the sentences above, and its fields.

    Returns
    -------
    str

    Examples
    --------
    >>> say({"why": "signal", "who": name("worker", "10.0.0.2", 1), "signal": "SIGKILL"})
    'worker 1 on 10.0.0.2 was ended by the signal SIGKILL. Look at that machine, and start the run again.'
    """
    if reason["why"] == "settings":
        return reason["error"]  # as an exception says it, in English
    fields = {key: _said(value) for key, value in reason.items() if key != "why"}
    sentence = _SENTENCES[reason["why"]]
    return _(sentence).format(**fields)


def say_name(who):
    """Return what a member is called in the language that is chosen now.

    Examples
    --------
    >>> say_name(name("server", "10.0.0.1", 0))
    'server 0 on 10.0.0.1'
    """
    text = _NAMES[who["role"]]
    return _(text).format(machine=who["machine"], rank=who["rank"])


def _said(value):
    if isinstance(value, dict):
        return say_name(value)
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return joined(N_("{first}, {second}"), map(_said, value))
    return value
