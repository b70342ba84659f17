"""The dispatcher's process: what runs in it, from its settings to its end. ``python -m scheduler.dispatch``

Several processes may run. One leads (scheduler/leader.py) and dispatches; the others stand by. What it remembers, who
used how much of this round, another one does without: it begins a round anew.

    main thread   dispatching             leader thread   the lease, every 2 s
    ladder        overload, every 1 s     schedule        periodic work, every 1 s
"""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

from memos.errors import InvalidConfig
from memos.settings import Settings, load_settings
from scheduler.broker import Publisher, cpu_app, gpu_app
from scheduler.connection import connect, require_redis_url
from scheduler.dispatcher import DEFAULT_MAX_QUEUED, Dispatcher
from scheduler.endpoint import Endpoint
from scheduler.exporter import serve_dispatcher
from scheduler.feeder import Hints
from scheduler.ladder import Ladder, RedisGauge
from scheduler.leader import Leader
from scheduler.limits import default_policy
from scheduler.schedule import RedisTicks, Schedule
from scheduler.scheduler import MemScheduler
from scheduler.upkeep import build_table
from scheduler.wakes import Wakes

_JOIN_S: Final = 5.0

OpenHints = Callable[[Settings], Hints]


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """What one dispatcher process consists of."""

    dispatcher: Dispatcher
    leader: Leader
    ladder: Ladder
    schedule: Schedule

    def run(self, *, stop: Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Lead or stand by until ``stop`` is set, then resign. When one part breaks, all end, to be started anew.

        ``on_ready`` is called once, as soon as it is known who leads.
        """
        threads = [
            _start(lambda: self.leader.run(stop=stop), "leader", stop),
            _start(lambda: self.ladder.run(stop=stop, leads=self._leads), "ladder", stop),
            _start(lambda: self.schedule.run(stop=stop, leads=self._leads), "schedule", stop),
        ]
        try:
            self.dispatcher.run(stop=stop, leads=self._leads, on_step=_once(self._is_ready, on_ready))
        finally:
            stop.set()
            threads[0].join(_JOIN_S)  # lest it takes up again what is resigned here
            self.leader.resign()
            for thread in threads[1:]:
                thread.join(_JOIN_S)

    def serve(self, settings: Settings) -> Endpoint | None:
        """Serve metrics and probes, if the settings name a port. Raises InvalidConfig."""
        return serve_dispatcher(settings, leads=self._leads, is_known=self._is_ready, idle_s=self.dispatcher.idle_s)

    def _leads(self) -> bool:
        return self.leader.leads

    def _is_ready(self) -> bool:
        return self.leader.is_known


def open_publisher(settings: Settings) -> Hints:
    """What sends hints to the brokers of the settings. Raises InvalidConfig."""
    return Publisher(cpu_app(settings), gpu_app(settings))


def build_process(settings: Settings, hints: Hints, *, max_queued: int = DEFAULT_MAX_QUEUED) -> Process:
    """A dispatcher on the servers that the settings name. Raises InvalidConfig."""
    redis = connect(require_redis_url(settings))
    policy = default_policy(settings)
    wakes = Wakes(redis, policy)
    ladder = Ladder(gauge=RedisGauge(redis, wakes), dwell_s=settings.overload_dwell_s)
    table = build_table(redis, wakes, MemScheduler(redis, default=policy))
    return Process(
        dispatcher=Dispatcher(wakes=wakes, hints=hints, max_queued=max_queued, level=lambda: ladder.level),
        leader=Leader(redis),
        ladder=ladder,
        schedule=Schedule(ticks=RedisTicks(redis), table=table),
    )


def main(arguments: Sequence[str] | None = None, *, open_hints: OpenHints = open_publisher) -> int:
    """The process. Returns 0 after SIGTERM or SIGINT, 1 when a part of it broke, 2 when the settings are wrong.

    ``open_hints`` makes what hints are handed to.
    """
    options = _parse(arguments)
    try:
        settings = load_settings()
        process = build_process(settings, open_hints(settings), max_queued=options.max_queued)
        endpoint = process.serve(settings)
    except InvalidConfig as error:
        sys.stderr.write(f"dispatch: {error}\n")
        return 2
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop, asked = Event(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: (asked.set(), stop.set()))
    try:
        process.run(stop=stop, on_ready=lambda: _announce(options.ready_file))
    finally:
        _withdraw(options.ready_file)
        if endpoint is not None:
            endpoint.close()
    return 0 if asked.is_set() else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scheduler.dispatch", description="Wakes workers for lanes that have work.")
    parser.add_argument("--ready-file", type=Path, help="made once it leads or stands by, removed at the end")
    parser.add_argument(
        "--max-queued", type=int, default=DEFAULT_MAX_QUEUED, help="hints of a pool that may wait for a worker"
    )
    options = parser.parse_args(arguments)
    if options.max_queued < 1:
        parser.error(f"--max-queued must be at least 1, not {options.max_queued}")
    return options


def _start(run: Callable[[], None], name: str, stop: Event) -> Thread:
    def until_broken() -> None:
        try:
            run()
        finally:
            stop.set()

    thread = Thread(target=until_broken, name=name, daemon=True)
    thread.start()
    return thread


def _once(condition: Callable[[], bool], call: Callable[[], None]) -> Callable[[], None]:
    called = Event()

    def check() -> None:
        if not called.is_set() and condition():
            called.set()
            call()

    return check


def _announce(ready_file: Path | None) -> None:
    if ready_file is not None:
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.touch()


def _withdraw(ready_file: Path | None) -> None:
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
