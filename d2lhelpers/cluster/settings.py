"""What the environment says of a run of several processes: the variables ``DMLC_*``, as MXNet has them."""

import os
import socket
import time
from dataclasses import dataclass

ROLES = ("scheduler", "server", "worker")
WAIT = 60.0  # seconds that the members of a run wait for each other, so that they can be started by hand
PATIENCE = 30.0  # seconds that workers wait for another one before it is named
NO_INTERFACE = ("0.0.0.0", "::", "*")  # all of them at once, which is refused
# These would have MXNet listen elsewhere than where it was told to.
OVERRULING = ("DMLC_INTERFACE", "DMLC_LOCAL", "DMLC_USE_KUBERNETES", "DMLC_ENABLE_RDMA", "PORT")


class SettingsError(ValueError):
    """The environment of a run is not what it must be."""


@dataclass(frozen=True)
class Settings:
    """What one process of a run has to know before it speaks to any other.

    Attributes
    ----------
    role : str
        "scheduler", "server" or "worker".
    host : str
        Address of the scheduler, in numbers.
    port : int
        The scheduler's port.
    num_workers, num_servers : int
    node_host : str or None
        Address of this process, if it is named; else it is the one from which the scheduler is reached.
    rank : int or None
        The worker's number, if it is named.
    wait : float
        Seconds to wait for the other members.
    patience : float
        Seconds that workers wait for another one, once all have come, before it is named.
    is_launched : bool
        Whether a launcher has started this process, and tells why a run has ended.
    listener : int or None
        File descriptor of the socket that the launcher has opened for the scheduler.
    reserved : int
        How many of the first ranks are kept for the workers of the scheduler's launcher.
    """

    role: str
    host: str
    port: int
    num_workers: int
    num_servers: int = 1
    node_host: str | None = None
    rank: int | None = None
    wait: float = WAIT
    patience: float = PATIENCE
    is_launched: bool = False
    listener: int | None = None
    reserved: int = 0

    @classmethod
    def from_environment(cls, environ=os.environ):
        """Read the variables.

        Parameters
        ----------
        environ : mapping of str to str

        Returns
        -------
        Settings

        Raises
        ------
        SettingsError
            If one is missing, or is not what it must be.

        Examples
        --------
        >>> run = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": "9091", "DMLC_NUM_WORKER": "2"}
        >>> settings = Settings.from_environment({"DMLC_ROLE": "worker", **run})
        >>> settings.host, settings.port, settings.num_workers, settings.num_servers
        ('127.0.0.1', 9091, 2, 1)
        """
        role = environ.get("DMLC_ROLE")
        if role not in ROLES:
            raise SettingsError(f"DMLC_ROLE must be scheduler, server or worker, but is {role!r}.")
        node_host = environ.get("DMLC_NODE_HOST") or None
        wait = _integer(environ, "D2L_CLUSTER_WAIT", 1, 86400, str(int(WAIT)))
        return cls(
            role=role,
            # Where each process has a machine of its own, the scheduler's may get its name later than others begin.
            host=resolve("DMLC_PS_ROOT_URI", _text(environ, "DMLC_PS_ROOT_URI"), wait),
            port=_integer(environ, "DMLC_PS_ROOT_PORT", 1, 65535),
            num_workers=_integer(environ, "DMLC_NUM_WORKER", 1, 1000),
            num_servers=_integer(environ, "DMLC_NUM_SERVER", 1, 1000, "1"),
            node_host=node_host and resolve("DMLC_NODE_HOST", node_host),
            rank=_integer(environ, "DMLC_WORKER_ID", 0, 999) if environ.get("DMLC_WORKER_ID") else None,
            wait=wait,
            patience=_integer(environ, "D2L_CLUSTER_PATIENCE", 1, 86400, str(int(PATIENCE))),
            is_launched=environ.get("D2L_CLUSTER_LAUNCHED") == "1",
            listener=_integer(environ, "D2L_CLUSTER_LISTENER", 0, 2**20) if "D2L_CLUSTER_LISTENER" in environ else None,
            reserved=_integer(environ, "D2L_CLUSTER_RESERVED", 0, 1000, "0"),
        )


def environment_for_mxnet(settings, place, node_host):
    """Return the variables that MXNet's own part of a run is to see, and the names of those that it must not.

    Parameters
    ----------
    settings : Settings
    place : tuple of str and int
        The address and the port where MXNet's scheduler is.
    node_host : str
        The address that this process listens on.

    Examples
    --------
    >>> settings = Settings("worker", "127.0.0.1", 9091, 2)
    >>> environment_for_mxnet(settings, ("127.0.0.1", 9092), "127.0.0.1")[0]["DMLC_NODE_HOST"]
    '127.0.0.1'
    """
    host, port = place
    variables = {
        "DMLC_ROLE": settings.role,
        "DMLC_PS_ROOT_URI": host,
        "DMLC_PS_ROOT_PORT": str(port),
        "DMLC_NUM_WORKER": str(settings.num_workers),
        "DMLC_NUM_SERVER": str(settings.num_servers),
        "DMLC_NODE_HOST": node_host,
    }
    return variables, OVERRULING


def resolve(name, host, wait=0):
    """Return the address of a machine in numbers, which all that listens here is given.

    Parameters
    ----------
    name : str
        What has named the machine, for messages.
    host : str
        Its name or address.
    wait : float
        Seconds to wait for a name that is not known yet.

    Raises
    ------
    SettingsError
        If there is none, or it stands for all interfaces of a machine.

    Examples
    --------
    >>> resolve("--listen", "127.0.0.1")
    '127.0.0.1'
    >>> resolve("--listen", "0.0.0.0")
    Traceback (most recent call last):
        ...
    d2lhelpers.cluster.settings.SettingsError: --listen is 0.0.0.0, all interfaces of this machine, ...
    """
    if host in NO_INTERFACE:
        raise _all_interfaces(name, host)
    limit = time.monotonic() + wait
    while True:
        try:
            address = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
            break
        except (OSError, UnicodeError) as error:
            if time.monotonic() >= limit:
                raise SettingsError(f"{name} is {host}, of which there is no address here ({error}).") from None
        time.sleep(0.2)
    if address in NO_INTERFACE:
        raise _all_interfaces(name, host)
    return address


def _all_interfaces(name, host):
    return SettingsError(
        f"{name} is {host}, all interfaces of this machine, the one to the internet among them; name the address in "
        "the network of your machines, for example 10.0.0.1."
    )


def _text(environ, name):
    value = environ.get(name)
    if not value:
        raise SettingsError(f"{name} is not set; a {environ['DMLC_ROLE']} needs it. See d2lhelpers.launch.")
    return value


def _integer(environ, name, minimum, maximum, default=None):
    text = environ.get(name) or default or _text(environ, name)
    if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
        raise SettingsError(f"{name} must be a whole number from {minimum} to {maximum}, but is {text!r}.")
    return int(text)
