"""Which ports the local servers listen on."""

import contextlib
import socket
from collections.abc import Iterable, Mapping
from typing import Final

LOOPBACK: Final = "127.0.0.1"
USUAL_PORTS: Final[Mapping[str, int]] = {
    "valkey": 16379,
    "broker": 16380,
    "bolt": 17687,
    "arcadedb": 12480,
    "milvus": 19530,
    "flower": 15555,
}


def choose_ports(names: Iterable[str], preferred: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name: the preferred one where it is free, else one that the kernel picks."""
    with contextlib.ExitStack() as held:  # held together, so that no port is picked twice
        sockets = {name: held.enter_context(_bind(preferred.get(name, 0))) for name in names}
        return {name: int(bound.getsockname()[1]) for name, bound in sockets.items()}


def _bind(preferred: int) -> socket.socket:
    try:
        return _listen(preferred)
    except OSError:
        return _listen(0)


def _listen(port: int) -> socket.socket:
    probe = socket.socket()
    # Servers reuse an address whose old connections linger in TIME_WAIT; so must the test for one. Then it takes
    # a listening socket to keep others off.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((LOOPBACK, port))
        probe.listen()
    except OSError:
        probe.close()
        raise
    return probe
