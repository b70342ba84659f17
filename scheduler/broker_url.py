"""From a broker's URL to what kombu wants to be told; pure. The forms of Redis URLs are those of scheduler/urls.py.

sentinel://:pw@h1:1,h2:2/SERVICE/1   ->   sentinel://:pw@h1:1/1;sentinel://:pw@h2:2/1 and master_name=SERVICE
unix:///run/redis.sock?db=1          ->   redis+socket:///run/redis.sock?virtual_host=1
rediss://h/1?ssl_ca_certs=FILE       ->   rediss://h:6379/1 and TLS that checks the server against FILE
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from memos.errors import InvalidConfig
from scheduler.connection import sentinel_options
from scheduler.urls import Form, RedisUrl, parse_redis_url

_AMQP: Final = ("amqp", "amqps", "pyamqp")
_TLS_PREFIX: Final = "ssl_"
_LOGIN: Final = re.compile(r"//[^/@]*@")


class Broker(StrEnum):
    """What carries the hints."""

    REDIS = "redis"
    RABBITMQ = "rabbitmq"


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAddress:
    """What kombu is told. ``tls`` is None without TLS; with it the server's certificate is always checked."""

    broker: Broker
    url: str = field(repr=False)
    transport_options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    tls: Mapping[str, Any] | None = None


def parse_broker_url(url: str) -> BrokerAddress:
    """How to reach the broker. Raises InvalidConfig, without showing a password."""
    if urlsplit(url).scheme in _AMQP:
        return _rabbitmq(url)
    parsed = parse_redis_url(url, "broker_url")
    if parsed.form is Form.CLUSTER:
        raise InvalidConfig("broker_url: Celery's broker cannot be a Redis Cluster; name a small Redis or a RabbitMQ")
    if parsed.form is Form.SENTINEL:
        return _sentinel(parsed)
    target = _socket_url(parsed) if parsed.path else _node_url("rediss" if parsed.tls else "redis", parsed, parsed.node)
    return BrokerAddress(broker=Broker.REDIS, url=target, tls=_redis_tls(parsed))


def hide_login(url: str) -> str:
    """The URL, or several joined by ``;``, without users and passwords."""
    return _LOGIN.sub("//", url)


def _rabbitmq(url: str) -> BrokerAddress:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    given = {name.removeprefix(_TLS_PREFIX): value for name, value in options.items() if name.startswith(_TLS_PREFIX)}
    # kombu puts the host's name where server_hostname is None.
    tls = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None, **given} if parts.scheme == "amqps" else None
    return BrokerAddress(broker=Broker.RABBITMQ, url=urlunsplit(parts._replace(query="")), tls=tls)


def _sentinel(parsed: RedisUrl) -> BrokerAddress:
    tls = _redis_tls(parsed)
    options = {"master_name": parsed.service, "sentinel_kwargs": sentinel_options(parsed, tls or {})}
    url = ";".join(_node_url("sentinel", parsed, node) for node in parsed.nodes)
    return BrokerAddress(broker=Broker.REDIS, url=url, transport_options=options, tls=tls)


def _redis_tls(parsed: RedisUrl) -> Mapping[str, Any] | None:
    if not parsed.tls:
        return None
    given = {name: value for name, value in parsed.options.items() if name.startswith(_TLS_PREFIX)}
    # kombu's own default is to check nothing.
    return {"ssl_cert_reqs": "required", **given}


def _node_url(scheme: str, parsed: RedisUrl, node: tuple[str, int]) -> str:
    host, port = node
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{_login(parsed)}{shown}:{port}/{parsed.database}"


def _socket_url(parsed: RedisUrl) -> str:
    return f"redis+socket://{_login(parsed)}{quote(parsed.path)}?virtual_host={parsed.database}"


def _login(parsed: RedisUrl) -> str:
    if parsed.user is None and parsed.password is None:
        return ""
    secret = "" if parsed.password is None else f":{quote(parsed.password, safe='')}"
    return f"{quote(parsed.user or '', safe='')}{secret}@"
