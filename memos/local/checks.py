"""The doctor's checks of servers: each is asked over its own protocol, as its clients would."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from memos.errors import MemosError
from memos.local.probes import probe_http
from memos.local.resp import ask_redis
from memos.mem_scheduler import servers
from memos.settings import Settings

_REDIS_TIMEOUT_S: Final = 4.0
_BROKERS: Final = ("broker", "gpu broker")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What was looked at, what was found and, when something should be done, what.

    A warning is not ok, and yet no reason to say that the installation is broken.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""
    is_warning: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that the settings may name, and how it is asked what it is."""

    name: str
    url_field: str
    ask: Callable[[Settings], Check]

    @property
    def variable(self) -> str:
        """The environment variable that names the server."""
        return f"MEMOS_{self.url_field.upper()}"


def check_servers(settings: Settings) -> Generator[Check]:
    """One check a server. An error of ours becomes a failed check; Flower is checked only where it is named."""
    for server in SERVERS:
        if getattr(settings, server.url_field) is None:
            yield from _explain_absence(server, settings)
            continue
        try:
            yield server.ask(settings)
        except MemosError as error:
            advice = f"look at its log and at {server.variable}; of the local stack, `memos status` shows more"
            yield Check(name=server.name, ok=False, detail=str(error), advice=advice)


def _explain_absence(server: Server, settings: Settings) -> Generator[Check]:
    # Without a name of its own the broker is another database of the data plane; GPU workers share the CPU workers'.
    derived = server.name in _BROKERS and (settings.redis_url or settings.broker_url) is not None
    if server.name != "flower" and not derived:
        advice = f"start the local stack (`memos up -d`), or name a server of your own in {server.variable}"
        yield Check(name=server.name, ok=False, detail="not running, and none is named", advice=advice)


def _ask_broker(name: str, url: str) -> Check:
    if _is_rabbitmq(url):
        return Check(name=name, ok=True, detail=servers.ask_rabbitmq(url))
    return _ask_redis(name, url, keeps_jobs=False)


def _ask_redis(name: str, url: str, *, keeps_jobs: bool = True) -> Check:
    info = ask_redis(url, timeout_s=_REDIS_TIMEOUT_S) if _is_plain(url) else servers.ask_redis(url)
    server = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info.get('redis_version', ''))}".strip()
    advice = "; ".join(_find_redis_flaws(info, keeps_jobs=keeps_jobs))
    return Check(name=name, ok=not advice, detail=server, advice=advice)


def _is_rabbitmq(url: str) -> bool:
    return urlsplit(url).scheme in ("amqp", "amqps", "pyamqp")


def _is_plain(url: str) -> bool:
    # Sentinels, clusters and TLS with an authority of one's own are left to the client that the job path has.
    return urlsplit(url).scheme in ("redis", "unix")


def _find_redis_flaws(info: dict[str, str], *, keeps_jobs: bool) -> list[str]:
    flaws: list[str] = []
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        flaws.append("set maxmemory-policy to noeviction: accepted jobs would be evicted")
    if keeps_jobs and info.get("aof_enabled", "1") != "1":  # hints may be lost, jobs may not
        flaws.append("set appendonly to yes: accepted jobs would be lost at a restart")
    return flaws


def _ask_graph(settings: Settings) -> Check:
    from memos.graph_dbs.factory import build_graph

    with closing(build_graph(settings)) as graph:
        return Check(name="neo4j", ok=True, detail=graph.ping())


def _ask_index(settings: Settings) -> Check:
    from memos.vec_dbs.factory import build_index

    with closing(build_index(settings)) as index:
        return Check(name="milvus", ok=True, detail=index.ping())


def _ask_flower(settings: Settings) -> Check:
    probe_http(settings.flower_url or "", "/healthcheck")
    return Check(name="flower", ok=True, detail=settings.flower_url or "")


SERVERS: Final = (
    Server(name="redis", url_field="redis_url", ask=lambda settings: _ask_redis("redis", settings.redis_url or "")),
    Server(
        name="broker", url_field="broker_url", ask=lambda settings: _ask_broker("broker", settings.broker_url or "")
    ),
    Server(
        name="gpu broker",
        url_field="gpu_broker_url",
        ask=lambda settings: _ask_broker("gpu broker", settings.gpu_broker_url or ""),
    ),
    Server(name="neo4j", url_field="neo4j_url", ask=_ask_graph),
    Server(name="milvus", url_field="milvus_url", ask=_ask_index),
    Server(name="flower", url_field="flower_url", ask=_ask_flower),
)
