"""How a worker ends: warmly within a bound, or at once.

    SIGTERM ──> no more hints are taken ──> drains finish their batch and hand the lane back ──> exit 0
                        └── after warm_stop_s: the pool is killed, its leases lapse, other workers go on

Nothing is lost either way: what was not committed is still in its mailbox.
"""

import logging
import os
import time
from threading import Thread
from typing import Any, Final, NoReturn

import psutil
from celery import Celery, signals

from workers.node import Node

log = logging.getLogger(__name__)

STALLED_EXIT: Final = os.EX_SOFTWARE
_UNFINISHED_EXIT: Final = os.EX_TEMPFAIL
# With its pool gone, the main process only has to say goodbye to the broker.
_GOODBYE_S: Final = 3.0


def stop_within(app: Celery, node: Node, bound_s: float) -> None:
    """Have workers of ``app`` tell their processes of a warm stop, and end it after ``bound_s``."""

    def stop(how: str, **_: Any) -> None:
        if how != "Warm" or not node.name:
            return
        node.stopping.touch()
        Thread(target=_end_after, args=(bound_s,), name="memos-warm-stop", daemon=True).start()

    def forget(sender: Any, **_: Any) -> None:
        if sender.app is app:
            node.stopping.unlink(missing_ok=True)
            node.alive.unlink(missing_ok=True)

    signals.worker_shutting_down.connect(stop, weak=False)
    signals.worker_shutdown.connect(forget, weak=False)


def end_now(reason: str) -> NoReturn:
    """End this worker at once, its pool first, so that whoever supervises it starts another."""
    log.critical("this worker ends itself: %s", reason)
    kill_pool()
    os._exit(STALLED_EXIT)


def kill_pool() -> int:
    """Kill every process that this one started; returns how many there were."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        child.kill()  # psutil knows when an id belongs to another process by now
    return len(children)


def _end_after(bound_s: float) -> None:
    time.sleep(bound_s)
    log.warning("not done within %g s: killed %d processes, whose jobs go on elsewhere", bound_s, kill_pool())
    time.sleep(_GOODBYE_S)
    os._exit(_UNFINISHED_EXIT)
