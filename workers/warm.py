"""Models and connections are opened while a worker starts, not while its first job waits.

    main process   imports the embedder's packages ── fork ──> process of the pool   opens stores and weights

In a thread, since a pool process that takes seconds to start is taken for dead. A failure is only logged: the first
job meets it again, and then it becomes that job's state.

What was imported stays for good, so it is frozen: collections pass it over, which leaves the pages that processes share
alone and takes a second from a worker's end.
"""

import gc
import importlib
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from celery import Celery, signals

from memos.errors import MemosError
from memos.kv.engines.registry import engine_from_settings
from memos.settings import Settings
from workers.bootstrap import ProcessResources, Resources

log = logging.getLogger(__name__)

Warm = Callable[[Resources], object]


def import_before_fork(app: Celery, load: Callable[[], object]) -> None:
    """Run ``load`` in the main process before its pool begins: each process of the pool has what that imported."""

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app:
            load()
            gc.freeze()

    signals.worker_init.connect(begin, weak=False)


def import_embedder(settings: Settings) -> None:
    """The packages of the settings' own embedder, 6 s of a core; not its weights, whose threads a fork would lose.

    An embedder of a file may be a server's. macOS does not let a fork use what was imported before it.
    """
    if settings.embedder_config is None and sys.platform == "linux":
        with suppress(ModuleNotFoundError):  # what warms a process says which package is missing
            importlib.import_module("sentence_transformers")


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
        gc.freeze()
        log.info("warm")
    except MemosError as error:
        log.warning("not warmed: %s", error)
    finally:
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
