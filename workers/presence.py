"""Signs of life of a worker: in its file for whoever is on this machine, in Redis for everybody else."""

import logging
from threading import Lock
from typing import Final

from memos.clock import Clock, SystemClock
from memos.errors import MemosError
from memos.local import alive
from workers.bootstrap import ProcessResources
from workers.node import Node

log = logging.getLogger(__name__)

NOTE_EVERY_S: Final = 5.0


class Presence:
    """Shows that this process does what hints ask for. Thread-safe; called at each beat of a lease and each canary."""

    def __init__(self, node: Node, process: ProcessResources, *, clock: Clock | None = None) -> None:
        self._node = node
        self._process = process
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._noted_at_s: float | None = None

    def show(self) -> None:
        """The file at once, Redis at most every NOTE_EVERY_S. Redis's absence is not this worker's fault."""
        alive.show(self._node.alive)
        if not self._is_due():
            return
        try:
            self._process.get().roll.note(self._node.member)
        except MemosError as error:
            log.debug("not noted in the roll of workers: %s", error)

    def _is_due(self) -> bool:
        with self._lock:
            now_s = self._clock.monotonic_s()
            if self._noted_at_s is not None and now_s - self._noted_at_s < NOTE_EVERY_S:
                return False
            self._noted_at_s = now_s
            return True
