"""The servers of a run, each behind a proxy where the network to it can be taken away.

    clients, workers, dispatchers ──> proxy (redis, graph, index) ──> Valkey, ArcadeDB, Milvus Lite

They are the embedded stack's own servers, guarded by its watchdog: none outlives the run. Workers know the proxies'
ports alone.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from memos.errors import InvalidRequest
from memos.local.access import open_access
from memos.local.child import ChildSpec
from memos.local.lock import DirectoryLock
from memos.local.nursery import Nursery
from memos.local.ports import choose_ports
from memos.local.servers import (
    ALL_SERVERS,
    PORT_NAMES,
    Server,
    Site,
    build_server_settings,
    build_server_specs,
)
from workers.chaos.proxy import Proxy
from workers.chaos.redis_clock import RedisClock

# The port of each server that clients connect to; ArcadeDB's other one is used by nobody.
_CLIENT_PORTS: Final[Mapping[Server, str]] = {"redis": "valkey", "graph": "bolt", "index": "milvus"}
_REDIS: Final = "valkey"


class Servers:
    """Real servers on free ports in one directory."""

    def __init__(self, directory: Path, *, clock: RedisClock | None = None) -> None:
        """Start them, and return when all are ready; Redis by that clock, if one is given. Raises Unavailable."""
        self._clock = clock
        self._nursery = Nursery(directory, DirectoryLock.acquire(directory))
        names = [name for ports in PORT_NAMES.values() for name in ports]
        self._site = Site(data_dir=directory, access=open_access(directory), ports=choose_ports(names, {}))
        self._specs = {spec.name: spec for spec in build_server_specs(self._site, ALL_SERVERS)}
        if clock is not None:
            self._specs[_REDIS] = replace(self._specs[_REDIS], environment=clock.environment())
        with ExitStack() as undo:
            undo.callback(self._nursery.close)
            self._nursery.start(list(self._specs.values()))
            undo.pop_all()
        self._proxies: dict[Server, Proxy] = {
            server: Proxy(self._site.ports[name]) for server, name in _CLIENT_PORTS.items()
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The settings under which clients find the proxies."""
        ports = {_CLIENT_PORTS[server]: proxy.port for server, proxy in self._proxies.items()}
        site = Site(data_dir=self._site.data_dir, access=self._site.access, ports={**self._site.ports, **ports})
        return build_server_settings(site, ALL_SERVERS)

    def proxy(self, server: Server) -> Proxy:
        """The network to a server."""
        return self._proxies[server]

    def kill_redis(self) -> None:
        """kill -9."""
        self._nursery.children[_REDIS].bury()

    def start_redis(self) -> None:
        """Start it on the files that it left, and return when it answers."""
        self._nursery.spawn(self._specs[_REDIS]).wait_ready()

    def step_redis_clock(self, seconds: int) -> None:
        """Put Redis's clock so far ahead. Raises InvalidRequest when it has none that can be put."""
        if self._clock is None:
            raise InvalidRequest("this Redis goes by the machine's clock")
        self._clock.step(seconds)

    def add(self, spec: ChildSpec) -> None:
        """Run one more server, and return when it is ready."""
        self._nursery.start([spec])

    def close(self) -> None:
        """Stop everything."""
        for proxy in self._proxies.values():
            proxy.close()
        self._nursery.close()
