"""Servers for a library user who named none: started on demand, for the life of the process.

They use the same data directory, lock and passwords as ``memos up``. While another process runs servers there, these
are shared, for as long as that process lives. A fork of this process starts and stops nothing, but keeps the servers
running while it lives.
"""

import atexit
import logging
import threading
import time
from pathlib import Path
from typing import Any, Final

from memos.errors import Unavailable
from memos.local.access import open_access
from memos.local.lock import DirectoryInUse, DirectoryLock, explain_disk_error
from memos.local.nursery import Nursery
from memos.local.ports import choose_ports
from memos.local.servers import (
    PORT_NAMES,
    URL_FIELDS,
    Server,
    Site,
    build_server_settings,
    build_server_specs,
    find_unnamed,
)
from memos.local.stackfile import write_stack_file
from memos.settings import Settings, StackFile, find_stack

COMMAND: Final = "on demand"
_OTHER_STARTS_WITHIN_S: Final = 60.0
_LOCK_PATIENCE_S: Final = 0.5

_log = logging.getLogger(__name__)
_mutex = threading.Lock()
_running: dict[Path, "_OnDemand"] = {}


def ensure_servers(settings: Settings, *, need: frozenset[Server]) -> Settings:
    """Settings in which every needed server is named; starts those that are not, and returns once they are ready.

    Servers that ``settings`` name are left alone. Threads and later calls share what runs. Raises Unavailable when
    another process runs servers on the directory and the needed ones are not among them.
    """
    missing = find_unnamed(settings, need)
    if not missing:
        return settings
    with _mutex:
        found = _provide(settings.data_dir.absolute(), missing)
    return Settings(**{**found, **settings.model_dump(exclude_unset=True)})


def stop_servers() -> None:
    """Stop everything that this process started on demand. Runs at exit by itself; harmless when repeated."""
    with _mutex:
        while _running:
            _, servers = _running.popitem()
            servers.nursery.close()


class _OnDemand:
    """What this process runs on one data directory."""

    def __init__(self, nursery: Nursery) -> None:
        self.nursery = nursery
        self.settings: dict[str, Any] = {}

    def start(self, servers: frozenset[Server]) -> None:
        data_dir = self.nursery.data_dir
        ports = choose_ports((name for server in sorted(servers) for name in PORT_NAMES[server]), preferred={})
        try:
            site = Site(data_dir=data_dir, access=open_access(data_dir), ports=ports)
            self.nursery.start(build_server_specs(site, servers))
            self.settings |= build_server_settings(site, servers)
            self._publish()
        except OSError as error:
            raise explain_disk_error(error, data_dir) from None

    def _publish(self) -> None:
        pids = {name: child.pid for name, child in self.nursery.children.items()}
        write_stack_file(self.nursery.data_dir, command=COMMAND, settings=self.settings, urls={}, children=pids)


def _provide(data_dir: Path, missing: frozenset[Server]) -> dict[str, Any]:
    deadline = time.monotonic() + _OTHER_STARTS_WITHIN_S
    while data_dir not in _running:
        stack = find_stack(data_dir)
        if stack is not None:
            return _borrow(stack, data_dir, missing)
        _open(data_dir, deadline)
    return _start(_running[data_dir], missing)


def _open(data_dir: Path, deadline: float) -> None:
    """Take the directory. One that another process is taking at this moment is waited for, to be shared."""
    try:
        lock = DirectoryLock.acquire(data_dir, patience_s=_LOCK_PATIENCE_S)
    except DirectoryInUse:
        if time.monotonic() > deadline:
            raise
        return
    if not _running:
        atexit.register(stop_servers)
    _running[data_dir] = _OnDemand(Nursery(data_dir, lock))


def _start(running: _OnDemand, missing: frozenset[Server]) -> dict[str, Any]:
    new = frozenset[Server](server for server in missing if URL_FIELDS[server] not in running.settings)
    if new:
        started_at_s = time.monotonic()
        try:
            running.start(new)
        except BaseException:
            _close_if_idle(running)
            raise
        took_s = time.monotonic() - started_at_s
        _log.info(
            "started %s on demand in %s (%.1f s)", ", ".join(running.nursery.children), running.nursery.data_dir, took_s
        )
    return running.settings


def _close_if_idle(running: _OnDemand) -> None:
    if not running.nursery.children:
        del _running[running.nursery.data_dir]
        running.nursery.close()


def _borrow(stack: StackFile, data_dir: Path, missing: frozenset[Server]) -> dict[str, Any]:
    absent = sorted(server for server in missing if URL_FIELDS[server] not in stack["settings"])
    if absent:
        raise Unavailable(
            ", ".join(absent),
            f"process {stack['pid']} runs servers on {data_dir} without it; end that process and start all of them "
            f"with `memos up -d`, or choose another directory with MEMOS_DATA_DIR",
        )
    return stack["settings"]
