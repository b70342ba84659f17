"""Models and connections are opened while a worker starts, not while its first job waits.

In a thread, since a pool process that takes seconds to start is taken for dead. A failure is only logged: the first
job meets it again, and then it becomes that job's state.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from celery import signals

from memos.errors import MemosError
from memos.kv.engines.registry import engine_from_settings
from workers.bootstrap import ProcessResources, Resources

log = logging.getLogger(__name__)

Warm = Callable[[Resources], object]


def warm_on_start(process: ProcessResources, warm: Warm, *, done: Path) -> None:
    """Run ``warm`` in a thread of each process of the pool, when that begins; the file ``done`` tells of its end."""

    def start(**_: Any) -> None:
        Thread(target=_warm, args=(process, warm, done), name="warm", daemon=True).start()

    signals.worker_process_init.connect(start, weak=False)


def warm_stores(resources: Resources) -> None:
    """What extract and organize need."""
    resources.stores.embedder.embed(["warm"])


def warm_engine(resources: Resources) -> None:
    """What kv needs."""
    engine_from_settings(resources.settings).load()


def _warm(process: ProcessResources, warm: Warm, done: Path) -> None:
    try:
        warm(process.get())
        log.info("warm")
    except MemosError as error:
        log.warning("not warmed: %s", error)
    finally:
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
