"""The URLs by which the data plane is named, taken apart; pure.

    redis://[USER:PASSWORD@]HOST:PORT/DB                  one server; rediss:// with TLS; unix://PATH?db=N
    sentinel://[USER:PASSWORD@]H1:P1,H2:P2/SERVICE/DB     the master that the Sentinels name; redis+sentinel:// too
    redis+cluster://[USER:PASSWORD@]H1:P1,H2:P2           a Redis Cluster, found through any of these nodes

rediss+sentinel:// and rediss+cluster:// are the same with TLS. Options follow as ``?name=value&...``: those of redis-py
(``ssl_ca_certs=FILE`` above all), ``replicas=N`` (see scheduler/connection.py), and for Sentinels that want a password
of their own ``sentinel_password=...``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from memos.errors import InvalidConfig

_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_KNOWN: Final = (
    "redis://, rediss://, unix://, sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or redis+cluster://HOST:PORT,HOST:PORT"
)


class Form(StrEnum):
    """How the servers behind a URL are found."""

    ONE = "one"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_FORMS: Final[Mapping[str, tuple[Form, bool]]] = {
    "redis": (Form.ONE, False),
    "rediss": (Form.ONE, True),
    "unix": (Form.ONE, False),
    "sentinel": (Form.SENTINEL, False),
    "redis+sentinel": (Form.SENTINEL, False),
    "rediss+sentinel": (Form.SENTINEL, True),
    "redis+cluster": (Form.CLUSTER, False),
    "rediss+cluster": (Form.CLUSTER, True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisUrl:
    """A URL taken apart. ``path`` is a Unix socket's; ``service`` a Sentinel's; a cluster has database 0 alone."""

    form: Form
    tls: bool
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = ""
    database: int = 0
    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def node(self) -> tuple[str, int]:
        """The first node."""
        return self.nodes[0]


def parse_redis_url(url: str, setting: str = "redis_url") -> RedisUrl:
    """Take ``url`` apart. Raises InvalidConfig, which names the setting and shows no password."""
    try:
        return _parse(urlsplit(url))
    except ValueError as error:
        raise InvalidConfig(f"{setting} cannot be used: {error}; write {_KNOWN}") from None


def with_database(url: str, database: int) -> str:
    """The same servers, another database. Raises InvalidConfig for a cluster, which has only one."""
    parsed, parts = parse_redis_url(url), urlsplit(url)
    if parsed.form is Form.CLUSTER:
        raise InvalidConfig(
            "a Redis Cluster has one database and cannot be Celery's broker as well; "
            "name a small Redis or a RabbitMQ in MEMOS_BROKER_URL"
        )
    if parts.scheme == "unix":
        return f"unix://{parts.netloc}{parts.path}?{urlencode({**parsed.options, 'db': database})}"
    query = urlencode({name: value for name, value in parsed.options.items() if name != "db"})
    path = f"/{parsed.service}/{database}" if parsed.form is Form.SENTINEL else f"/{database}"
    return urlunsplit(parts._replace(path=path, query=query))


def _parse(parts: SplitResult) -> RedisUrl:
    if parts.scheme not in _FORMS:
        raise ValueError(f"the scheme {parts.scheme!r} is not known")
    if ";" in parts.netloc:
        raise ValueError("nodes are separated by commas")
    form, tls = _FORMS[parts.scheme]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    user, password, hosts = _split_login(parts.netloc)
    service, database = _split_path(form, parts, options)
    is_socket = parts.scheme == "unix"
    default_port = _SENTINEL_PORT if form is Form.SENTINEL else _REDIS_PORT
    return RedisUrl(
        form=form,
        tls=tls,
        nodes=() if is_socket else _parse_nodes(hosts, default_port),
        path=unquote(parts.path) if is_socket else "",
        user=user,
        password=password,
        service=service,
        database=database,
        options=options,
    )


def _split_login(netloc: str) -> tuple[str | None, str | None, str]:
    login, _, hosts = netloc.rpartition("@")
    user, colon, password = login.partition(":")
    return unquote(user) or None, unquote(password) if colon else None, hosts


def _parse_nodes(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    nodes: list[tuple[str, int]] = []
    for item in hosts.split(","):
        node = urlsplit(f"//{item}")
        if not node.hostname:
            raise ValueError("it names no host")
        nodes.append((node.hostname, node.port or default_port))
    return tuple(nodes)


def _split_path(form: Form, parts: SplitResult, options: Mapping[str, str]) -> tuple[str, int]:
    if parts.scheme == "unix":
        return "", int(options.get("db", "0"))
    names = [name for name in parts.path.split("/") if name]
    service = ""
    if form is Form.SENTINEL:
        if not names:
            raise ValueError("it names no service behind the Sentinels' addresses")
        service = unquote(names.pop(0))
    if len(names) > 1 or (names and not names[0].isdecimal()):
        raise ValueError("its path does not end in a database's number")
    database = int(names[0]) if names else int(options.get("db", "0"))
    if form is Form.CLUSTER and database:
        raise ValueError("a Redis Cluster has database 0 alone")
    return service, database
