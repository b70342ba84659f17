"""The Celery applications and the hints that travel through them.

A message is a hint that a lane has work: losing it costs WAKE_MS, repeating it costs one look at an empty mailbox.

    dispatcher ──> memos.extract  memos.extract.bulk  memos.organize ──> CPU workers
              └──> memos.kv ───────────────────────────────────────────> GPU workers

One broker carries them all, so that one Flower sees every worker and every queue. Applications that share one also
share the shortest of their visibility timeouts; these two have the same. MEMOS_GPU_BROKER_URL may separate them.

The broker is Redis (also behind Sentinels) or RabbitMQ, whose queues are then quorum queues. There a hint that comes
back too often (``delivery-limit``) is dropped, and the lane rings again by itself.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery
from kombu import entity
from kombu.exceptions import KombuError
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport
from redis.exceptions import ConnectionError as RedisConnectionError

from memos.errors import Unavailable
from memos.settings import Settings
from memos.types import Lane
from scheduler import delivery
from scheduler.broker_url import Broker, BrokerAddress, hide_login, parse_broker_url
from scheduler.connection import is_uncertified, require_redis_url
from scheduler.keys import WAKE_MS, Queue, queue_of
from scheduler.urls import with_database

CPU_QUEUES: Final = (Queue.EXTRACT, Queue.EXTRACT_BULK, Queue.ORGANIZE)
GPU_QUEUES: Final = (Queue.KV_BUILD,)
# After a lost worker process: when its lease has run out, for until then the hint would find the lane taken.
LOST_WORKER_DELAY_S: Final = WAKE_MS // 1000 + 1
_BROKER_DATABASE: Final = 1
_ADVICE: Final = "check MEMOS_BROKER_URL"


def task_name(queue: Queue) -> str:
    """The name of the queue's task, which is also its name in the broker."""
    return f"memos.{queue}"


def cpu_app(settings: Settings) -> Celery:
    """The application of extract and organize. Raises InvalidConfig when no broker is known."""
    return _app("memos-cpu", broker_url(settings), CPU_QUEUES)


def gpu_app(settings: Settings) -> Celery:
    """The application of kv. One process that owns the device: CUDA does not survive a fork."""
    app = _app("memos-gpu", settings.gpu_broker_url or broker_url(settings), GPU_QUEUES)
    app.conf.update(worker_pool="solo", worker_pool_start_method="spawn", worker_concurrency=1)
    # It is silent while it builds, for minutes: RabbitMQ must not hang up on it for that.
    app.conf.broker_heartbeat = 0
    return app


def broker_url(settings: Settings) -> str:
    """The broker of both applications: the named one, else a neighbour of the data plane. Raises InvalidConfig."""
    return settings.broker_url or sibling_url(settings, _BROKER_DATABASE)


def sibling_url(settings: Settings, database: int) -> str:
    """The data plane's URL with another database number. Raises InvalidConfig when there is none."""
    return with_database(require_redis_url(settings), database)


class HintChannel(redis_transport.Channel):
    """kombu's channel, but one that is closed says so.

    When Redis goes away under a task, Celery still acknowledges through the old channel. kombu 5.7 then raises
    AttributeError, which takes the worker down; a connection error is something both know how to live with.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        _require_open(self)
        return super()._connparams(asynchronous)


class HintSentinelChannel(redis_transport.SentinelChannel):
    """The same behind Sentinels."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        _require_open(self)
        return super()._connparams(asynchronous)


class HintTransport(redis_transport.Transport):
    """kombu's Redis transport with the channel above."""

    Channel = HintChannel


class HintSentinelTransport(redis_transport.SentinelTransport):
    """kombu's Sentinel transport with the channel above."""

    Channel = HintSentinelChannel


# Under kombu's own names, so that URLs read as ever to Flower.
_TRANSPORTS: Final = {"redis": HintTransport, "rediss": HintTransport, "sentinel": HintSentinelTransport}


def _require_open(channel: redis_transport.Channel) -> None:
    if channel.connection is None or channel.connection.client is None:
        raise RedisConnectionError("this channel is closed")


def _app(name: str, url: str, queues: tuple[Queue, ...]) -> Celery:
    TRANSPORT_ALIASES.update({alias: f"{__name__}:{transport.__name__}" for alias, transport in _TRANSPORTS.items()})
    address = parse_broker_url(url)
    names = [task_name(queue) for queue in queues]
    arguments = {"x-queue-type": "quorum"} if address.broker is Broker.RABBITMQ else None
    app = Celery(name, broker=address.url, set_as_current=False)
    app.conf.update(
        task_queues=[entity.Queue(each, routing_key=each, queue_arguments=arguments) for each in names],
        task_default_queue=names[0],
        task_routes={each: {"queue": each} for each in names},
        task_create_missing_queues=False,
        broker_use_ssl=None if address.tls is None else dict(address.tls),
        broker_transport_options=_transport_options(address),
        **delivery.CELERY,
        **delivery.VISIBILITY,
    )
    return app


def _transport_options(address: BrokerAddress) -> dict[str, Any]:
    own = delivery.RABBITMQ if address.broker is Broker.RABBITMQ else delivery.REDIS
    return {**delivery.PATIENCE, **own, **address.transport_options}


class Publisher:
    """Sends hints. Raises Unavailable, naming the broker, within about 4 s when one is away or silent."""

    def __init__(self, cpu: Celery, gpu: Celery) -> None:
        self._apps = dict.fromkeys(CPU_QUEUES, cpu) | dict.fromkeys(GPU_QUEUES, gpu)
        self._failures = {app.main: _failures_of(app) for app in (cpu, gpu)}

    def publish(self, lane: Lane) -> None:
        """Hint that the lane has work. Carries three short ids, never a user's words."""
        queue = queue_of(lane)
        app = self._apps[queue]
        kwargs = {"tenant": lane.tenant, "cube": lane.cube, "session": lane.session}
        with _broker_guard(app, self._failures[app.main]):
            app.send_task(
                task_name(queue),
                kwargs=kwargs,
                retry=False,
                timeout=delivery.CONFIRM_TIMEOUT_S,
                confirm_timeout=delivery.CONFIRM_TIMEOUT_S,
            )

    def count_queued(self, queue: Queue) -> int:
        """How many hints of this queue no worker has picked up yet."""
        app = self._apps[queue]
        with _broker_guard(app, self._failures[app.main]), app.producer_or_acquire() as producer:
            # Declaring a queue that exists changes nothing; the answer carries its length.
            declared = app.amqp.queues[task_name(queue)].bind(producer.channel).queue_declare()
            return declared.message_count

    def close(self) -> None:
        """Close the pooled connections."""
        for app in set(self._apps.values()):
            app.close()


def ask_rabbitmq(url: str) -> str:
    """Connect to a RabbitMQ as a publisher does; its product and version. Raises Unavailable and InvalidConfig."""
    app = _app("memos-probe", url, CPU_QUEUES)
    with _broker_guard(app, _failures_of(app)), app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=delivery.CONNECT_TIMEOUT_S)
        facts: dict[str, Any] = connection.connection.server_properties
    return f"{facts['product']} {facts['version']}"


def _failures_of(app: Celery) -> tuple[type[Exception], ...]:
    """What publishing may raise, which depends on the transport."""
    connection = app.connection_for_write()
    return KombuError, *connection.connection_errors, *connection.channel_errors


@contextmanager
def _broker_guard(app: Celery, failures: tuple[type[Exception], ...]) -> Generator[None]:
    try:
        yield
    except failures as error:
        shown, reason = hide_login(app.conf.broker_url), str(error) or type(error).__name__
        advice = "name its authority: MEMOS_BROKER_URL=...?ssl_ca_certs=FILE" if is_uncertified(reason) else _ADVICE
        raise Unavailable("broker", f"{shown} does not take messages ({reason}); {advice}") from error
