"""The whole local stack: servers first, then what works with them; supervised until told to stop.

    up:    lock ─> servers ready ─> stack.json ─> dispatcher, workers, Flower ready ─> stack.json ─> supervise
    stop:  Flower, workers, dispatcher (warm) ─> servers ─> watchdog ends ─> unlock

Each step is bounded. Servers that the settings name already are used, not started.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from memos.clock import SystemClock
from memos.local.access import open_access, save_access
from memos.local.lock import DirectoryInUse, DirectoryLock, explain_disk_error, explain_owner
from memos.local.nursery import Nursery
from memos.local.ports import LOOPBACK, USUAL_PORTS, choose_ports
from memos.local.processes import build_process_specs
from memos.local.servers import (
    ALL_SERVERS,
    PORT_NAMES,
    SERVER_NAMES,
    Server,
    Site,
    build_server_settings,
    build_server_specs,
    find_unnamed,
)
from memos.local.stackfile import write_stack_file
from memos.local.supervisor import Supervisor
from memos.settings import Settings, find_stack

STACK_COMMAND: Final = "memos up"
_TICK_S: Final = 0.25
_URL_SCHEMES: Final = {
    "valkey": "redis",
    "broker": "redis",
    "bolt": "bolt",
    "arcadedb": "http",
    "milvus": "http",
    "flower": "http",
}
# What workers and clients must agree on, when it was given to `memos up`.
_SHARED_FIELDS: Final = frozenset(
    {
        *("redis_url", "broker_url", "gpu_broker_url", "milvus_url", "milvus_token", "milvus_collection"),
        *("neo4j_url", "neo4j_user", "neo4j_password", "neo4j_database", "database_url", "kv_dir"),
    }
)


class Stack:
    """A running local stack. ``say`` gets each thing worth telling, as one line."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        """Take the data directory. Raises DirectoryInUse when something runs there already."""
        self._settings = settings
        self._say = say
        self._servers = find_unnamed(settings, ALL_SERVERS)
        self._nursery = _open_nursery(settings.data_dir.absolute())
        self._clock = SystemClock()
        self._published: dict[str, Any] = {}
        self._urls: dict[str, str] = {}

    def start(self) -> None:
        """Return when everything is ready. Raises Unavailable, and leaves nothing running, when something is not."""
        try:
            site = self._open_site()
            self._start_servers(site)
            self._start_processes(site)
        except OSError as error:
            raise explain_disk_error(error, self._nursery.data_dir) from None

    def supervise(self) -> None:
        """Restart what dies, for ever; a signal's exception ends it."""
        children = self._nursery.children
        supervisor = Supervisor(children, spawn=self._nursery.spawn, clock=self._clock, say=self._say)
        while True:
            if supervisor.tick():
                self._republish()
            if self._nursery.watchdog.restart_if_dead():
                self._say("the watchdog had died; another one is in its place")
            self._clock.sleep_s(_TICK_S)

    def close(self) -> None:
        """Stop in order; nothing is left afterwards."""
        servers = [name for name in self._nursery.children if name in SERVER_NAMES]
        workers = [name for name in self._nursery.children if name not in SERVER_NAMES]
        for name in (*self._nursery.stop(workers), *self._nursery.stop(servers)):
            self._say(f"{name} did not stop in time and was killed")
        self._nursery.close()

    @property
    def urls(self) -> dict[str, str]:
        """Where everything listens, without credentials."""
        return self._urls

    def _open_site(self) -> Site:
        data_dir = self._nursery.data_dir
        access = open_access(data_dir)
        names = [name for server in sorted(self._servers) for name in PORT_NAMES[server]]
        ports = choose_ports([*names, "flower"], {**USUAL_PORTS, **access.ports})
        save_access(data_dir, replace(access, ports={**access.ports, **ports}))
        return Site(data_dir=data_dir, access=access, ports=ports)

    def _start_servers(self, site: Site) -> None:
        specs = build_server_specs(site, self._servers)
        self._say(f"starting {', '.join(spec.name for spec in specs) or 'no servers: all are named'}")
        self._nursery.start(specs)
        self._urls = {name: f"{_URL_SCHEMES[name]}://{LOOPBACK}:{port}" for name, port in site.ports.items()}
        self._published = _build_settings(self._settings, site, self._servers)
        self._publish()

    def _start_processes(self, site: Site) -> None:
        specs = build_process_specs(site, self._settings)
        names = {spec.name for spec in specs}
        self._say(f"starting {', '.join(sorted(names))}")
        for name, extra in (("flower", "flower"), ("gpu-worker", "local")):
            if name not in names:
                self._say(f"{name} is left out: its packages are missing (pip install 'memos[{extra}]')")
        self._nursery.start(specs)
        self._publish()

    def _republish(self) -> None:
        try:
            self._publish()
        except OSError as error:
            self._say(str(explain_disk_error(error, self._nursery.data_dir)))

    def _publish(self) -> None:
        pids = {name: child.pid for name, child in self._nursery.children.items()}
        write_stack_file(
            self._nursery.data_dir, command=STACK_COMMAND, settings=self._published, urls=self._urls, children=pids
        )


def _open_nursery(data_dir: Path) -> Nursery:
    if find_stack(data_dir) is not None:
        raise DirectoryInUse(data_dir, explain_owner(data_dir))
    return Nursery(data_dir, DirectoryLock.acquire(data_dir))


def _build_settings(settings: Settings, site: Site, servers: frozenset[Server]) -> dict[str, Any]:
    given = settings.model_dump(include=set(settings.model_fields_set & _SHARED_FIELDS))
    return {
        **{name: _to_json(value) for name, value in given.items()},
        **build_server_settings(site, servers),
        "flower_url": f"http://{LOOPBACK}:{site.ports['flower']}",
        "flower_user": settings.flower_user,
        "flower_password": settings.flower_password.get_secret_value() or site.access.flower_password,
    }


def _to_json(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.expanduser().absolute()) if isinstance(value, Path) else value
