"""Which ports the local servers listen on.

Between the choice of a port and the server's own bind another stack could choose it too. So a chosen port is claimed
for the life of this process, by a lock of a file that all stacks of this user look at.
"""

import contextlib
import errno
import fcntl
import os
import socket
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
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


_ATTEMPTS: Final = 20
_claims: dict[int, int] = {}
_claiming = threading.Lock()


def choose_ports(names: Iterable[str], preferred: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name: the preferred one where it is free, else one that the kernel picks."""
    with contextlib.ExitStack() as held:  # held together, so that no port is picked twice
        sockets = {name: held.enter_context(_bind(preferred.get(name, 0))) for name in names}
        return {name: int(bound.getsockname()[1]) for name, bound in sockets.items()}


def _bind(preferred: int) -> socket.socket:
    if preferred:
        with contextlib.suppress(OSError):
            return _listen_claimed(preferred)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            return _listen_claimed(0)
    return _listen(0)


def _listen_claimed(port: int) -> socket.socket:
    probe = _listen(port)
    if not _claim(int(probe.getsockname()[1])):
        probe.close()
        raise OSError(errno.EADDRINUSE, "another stack is about to use this port")
    return probe


def _claim(port: int) -> bool:
    with _claiming:
        if port in _claims:
            return True
        directory = Path(tempfile.gettempdir()) / f"memos-ports-{os.getuid()}"
        directory.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(directory / str(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        _claims[port] = handle
        return True


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
