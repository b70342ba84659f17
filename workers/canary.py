"""Does a hint still reach this worker and get followed? A message of its own says so, all the way.

    main process ──publish──> broker: memos.canary.APP.NODE ──> this worker's consumer ──> a process of its pool
         ▲                                                                                    │
         └──────────────── the file's age: at most a few seconds, else this worker ends <── shows itself

While jobs are worked, their beats show the same, and no canary is sent. While the broker is away the worker is
excused: another one would do no better. A worker that has lost one of its queues sends none, and so is found as well.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Final, cast
from uuid import uuid4

from celery import Celery, signals
from kombu.entity import Queue
from kombu.exceptions import KombuError

from memos.clock import Clock, SystemClock
from memos.errors import Unavailable
from memos.local import alive
from workers.node import Node, file_stem
from workers.stopping import end_now

log = logging.getLogger(__name__)

TASK: Final = "memos.canary"
# The broker forgets the queue of a worker that is gone.
_QUEUE_EXPIRES_S: Final = 300
# A look that comes so many times later than it should was held up with all the rest of the process.
_PAUSED_LOOKS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often a worker is looked at, and how long it may show nothing. Together well below 30 s."""

    every_s: float = 5.0
    patience_s: float = alive.PATIENCE_S


DEFAULT_PACE: Final = Pace()


@dataclass(kw_only=True, slots=True)
class Watch:
    """One worker's watch over itself. ``send`` publishes a canary, ``reach`` only asks whether the broker answers.

    Both raise Unavailable while it does not.
    """

    node: Node
    pace: Pace
    send: Callable[[], None]
    reach: Callable[[], None]
    find_unconsumed: Callable[[], list[str]]
    end: Callable[[str], None] = end_now
    clock: Clock = field(default_factory=SystemClock)
    _looked_at_s: float | None = field(default=None, init=False)

    def run(self, stop: Event) -> None:
        """Look until ``stop`` is set."""
        alive.show(self.node.alive)
        while not stop.wait(self.pace.every_s):
            self.look()

    def look(self) -> None:
        """Send a canary if nothing else shows that the worker works, and end the worker when nothing has for long.

        A stop has a bound of its own. After a pause of the whole process, in which nothing could be shown, the worker
        gets its time again.
        """
        if self.node.is_stopping() or self._was_paused():
            alive.show(self.node.alive)
            return
        age_s = alive.find_age_s(self.node.alive)
        if age_s is None or age_s > self.pace.every_s / 2:
            self._ask()
        stall = alive.find_stall(self.node.alive, patience_s=self.pace.patience_s)
        if stall is not None:
            self.end(stall)

    def _was_paused(self) -> bool:
        before_s, self._looked_at_s = self._looked_at_s, self.clock.monotonic_s()
        return before_s is not None and self._looked_at_s - before_s > _PAUSED_LOOKS * self.pace.every_s

    def _ask(self) -> None:
        try:
            unconsumed = self.find_unconsumed()
            if unconsumed:
                self.reach()
                log.warning("this worker does not consume %s", ", ".join(unconsumed))
            else:
                self.send()
        except Unavailable as error:
            log.warning("no canary: %s", error)
            alive.show(self.node.alive)


def keep_canary(app: Celery, node: Node, *, show: Callable[[], None], pace: Pace = DEFAULT_PACE) -> None:
    """Give workers of ``app`` their canary; ``show`` is called where hints are followed."""
    app.task(show, name=TASK, shared=False, send_events=False, acks_late=False, reject_on_worker_lost=False)
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).addFilter(is_worth_a_line)

    def add_queue(sender: str, instance: Any, **_: Any) -> None:
        if instance.app is app:
            app.amqp.queues.select_add(canary_queue(node.app, sender))

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app:
            post = _Post(app=app, queue=canary_queue(node.app, node.name))
            watch = Watch(node=node, pace=pace, send=post.send, reach=post.reach, find_unconsumed=_finder(app, sender))
            Thread(target=watch.run, args=(Event(),), name="memos-watch", daemon=True).start()

    signals.celeryd_after_setup.connect(add_queue, weak=False)
    signals.worker_ready.connect(begin, weak=False)


def canary_queue(app: str, node: str) -> Queue:
    """The queue that this worker alone consumes."""
    name = f"{TASK}.{file_stem(app, node)}"
    return Queue(name, routing_key=name, expires=_QUEUE_EXPIRES_S)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """False for what Celery says of each canary that goes well."""
    about = record.args
    return record.levelno > logging.INFO or not (isinstance(about, dict) and about.get("name") == TASK)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Post:
    """The broker, reached anew each time: a connection that is kept would not tell that it is gone."""

    app: Celery
    queue: Queue

    def send(self) -> None:
        # Not send_task, which would tell Flower of each.
        message = self.app.amqp.create_task_message(uuid4().hex, TASK, (), {}, expires=_QUEUE_EXPIRES_S)
        with self._open() as producer:
            self.app.amqp.send_task_message(producer, TASK, message, queue=self.queue, retry=False)

    def reach(self) -> None:
        with self._open() as producer:
            self.queue.bind(producer.channel).queue_declare()

    @contextmanager
    def _open(self) -> Generator[Any]:
        with self.app.connection_for_write() as connection:
            failures = (KombuError, *connection.connection_errors, *connection.channel_errors)
            try:
                with self.app.amqp.Producer(connection, auto_declare=False) as producer:
                    yield producer
            except failures as error:
                raise Unavailable("broker", f"it does not take messages ({error})") from error


def _finder(app: Celery, consumer: Any) -> Callable[[], list[str]]:
    wanted = list(cast(dict[str, Queue], app.amqp.queues.consume_from))

    def find_unconsumed() -> list[str]:
        tasks = consumer.task_consumer
        return [name for name in wanted if tasks is None or not tasks.consuming_from(name)]

    return find_unconsumed
