"""The Celery applications and the hints that travel through them.

A message is a hint that a lane has work: losing it costs WAKE_MS, repeating it costs one look at an empty mailbox.

    CPU broker   memos.extract, memos.organize        GPU broker   memos.kv

Two brokers, because applications that share one also share the shortest of their visibility timeouts.
"""

import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import KombuError
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport
from kombu.utils.url import maybe_sanitize_url
from redis.exceptions import ConnectionError as RedisConnectionError

from memos.errors import Unavailable
from memos.settings import Settings
from memos.types import JobKind, Lane
from scheduler.connection import require_redis_url
from scheduler.keys import WAKE_MS, lane_kind

CPU_KINDS: Final = (JobKind.EXTRACT, JobKind.ORGANIZE)
GPU_KINDS: Final = (JobKind.KV_BUILD,)
HARD_LIMIT_S: Final = 900
# After a lost worker process: when its lease has run out, for until then the hint would find the lane taken.
LOST_WORKER_DELAY_S: Final = WAKE_MS // 1000 + 1
_SOCKET_TIMEOUT_S: Final = 2.0
_CPU_DATABASE, _GPU_DATABASE = 1, 2


def task_name(kind: JobKind) -> str:
    """The name of the kind's task, which is also its queue's."""
    return f"memos.{kind}"


def cpu_app(settings: Settings) -> Celery:
    """The application of extract and organize. Raises InvalidConfig when no broker is known."""
    url = settings.broker_url or sibling_url(settings, _CPU_DATABASE)
    return _app("memos-cpu", url, CPU_KINDS)


def gpu_app(settings: Settings) -> Celery:
    """The application of kv. One process that owns the device: CUDA does not survive a fork."""
    url = settings.gpu_broker_url or sibling_url(settings, _GPU_DATABASE)
    app = _app("memos-gpu", url, GPU_KINDS)
    app.conf.update(worker_pool="solo", worker_pool_start_method="spawn", worker_concurrency=1)
    return app


def sibling_url(settings: Settings, database: int) -> str:
    """The data plane's URL with another database number. Raises InvalidConfig when there is no data plane."""
    return urlunsplit(urlsplit(require_redis_url(settings))._replace(path=f"/{database}"))


class HintChannel(redis_transport.Channel):
    """kombu's channel, but one that is closed says so.

    When Redis goes away under a task, Celery still acknowledges through the old channel. kombu 5.7 then raises
    AttributeError, which takes the worker down; a connection error is something both know how to live with.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("this channel is closed")
        return super()._connparams(asynchronous)


class HintTransport(redis_transport.Transport):
    """kombu's Redis transport with the channel above."""

    Channel = HintChannel


def _app(name: str, broker_url: str, kinds: tuple[JobKind, ...]) -> Celery:
    # Under kombu's own names, so that URLs read as ever to Flower.
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{HintTransport.__name__}"))
    app = Celery(name, broker=broker_url, set_as_current=False)
    if urlsplit(broker_url).scheme == "rediss":
        # kombu's own default is to check nothing.
        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    queues = [Queue(task_name(kind), routing_key=task_name(kind)) for kind in kinds]
    app.conf.update(
        task_queues=queues,
        task_default_queue=queues[0].name,
        task_routes={task_name(kind): {"queue": task_name(kind)} for kind in kinds},
        task_create_missing_queues=False,
        **_DELIVERY,
        **_VISIBILITY,
    )
    return app


_DELIVERY: Final[Mapping[str, Any]] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    # No result backend: the job's record says what became of it.
    "task_ignore_result": True,
    "task_acks_late": True,
    # A killed process gives its hint back once its lease has run out, and Flower shows it as a retry.
    "task_reject_on_worker_lost": True,
    "task_retry_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_time_limit": HARD_LIMIT_S,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {
        # Longer than any task, else a hint is delivered again while it is being followed.
        "visibility_timeout": HARD_LIMIT_S + 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # One list a queue, so that its length is the truth.
        "priority_steps": [0],
        "socket_timeout": _SOCKET_TIMEOUT_S,
        "socket_connect_timeout": _SOCKET_TIMEOUT_S,
        "socket_keepalive": True,
        # How long a publisher tries to connect. A worker's consumer tries for ever all the same.
        "max_retries": 1,
        "interval_start": 0,
        "interval_max": 0.2,
    },
}

# What Flower shows. Remote control stays on: without it workers stalled for good after a restart of Redis.
_VISIBILITY: Final[Mapping[str, Any]] = {
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    "task_track_started": True,
    "worker_enable_remote_control": True,
}


class Publisher:
    """Sends hints. Raises Unavailable, naming the broker, within a few seconds when one is away."""

    def __init__(self, cpu: Celery, gpu: Celery) -> None:
        self._apps = dict.fromkeys(CPU_KINDS, cpu) | dict.fromkeys(GPU_KINDS, gpu)

    def publish(self, lane: Lane) -> None:
        """Hint that the lane has work. Carries three short ids, never a user's words."""
        kind = lane_kind(lane)
        kwargs = {"tenant": lane.tenant, "cube": lane.cube, "session": lane.session}
        with _broker_guard(self._apps[kind]):
            self._apps[kind].send_task(task_name(kind), kwargs=kwargs, retry=False)

    def count_queued(self, kind: JobKind) -> int:
        """How many hints of this kind no worker has picked up yet."""
        app = self._apps[kind]
        with _broker_guard(app), app.producer_or_acquire() as producer:
            # Declaring a queue that exists changes nothing; the answer carries its length.
            return producer.channel.queue_declare(queue=task_name(kind), durable=True).message_count

    def close(self) -> None:
        """Close the pooled connections."""
        for app in set(self._apps.values()):
            app.close()


@contextmanager
def _broker_guard(app: Celery) -> Generator[None]:
    connection = app.connection_for_write()
    failures: tuple[type[Exception], ...] = (KombuError, *connection.connection_errors, *connection.channel_errors)
    try:
        yield
    except failures as error:
        shown = maybe_sanitize_url(app.conf.broker_url)
        raise Unavailable("broker", f"{shown} does not take messages ({error}); check MEMOS_BROKER_URL") from error
