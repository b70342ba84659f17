"""Keeps a lease alive beside a handler, and notices when it is lost or when one of its jobs is cancelled."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final, Self

from memos.errors import Cancelled, Fenced, Unavailable
from scheduler.lease import Lease
from scheduler.mailbox import Mailbox

log = logging.getLogger(__name__)

# The first beat also says that the jobs are running. Most batches end before it and save the round trip.
_FIRST_BEAT_S: Final = 0.25
# How long a cancellation and a report of progress may take to be noticed.
_LONGEST_PAUSE_S: Final = 1.0


class Heart:
    """A thread that beats for whatever lease it was last given.

    An outage of Redis does not stop the work: the lease may lapse, and the commit will tell whether anybody noticed.
    """

    def __init__(self, mailbox: Mailbox, *, ttl_ms: int, on_beat: Callable[[], None]) -> None:
        """``on_beat`` is called with every beat, also while Redis is away: the process is busy, not stalled."""
        self._mailbox = mailbox
        self._ttl_ms = ttl_ms
        self._on_beat = on_beat
        self._lease: Lease | None = None
        self._lost = False
        self._cancelled = False
        self._progress = (0, 0)
        self._lock = Lock()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="memos-heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def hold(self, lease: Lease | None) -> None:
        """Beat for this lease from now on; for none with None."""
        with self._lock:
            self._lease, self._lost, self._cancelled, self._progress = lease, False, False, (0, 0)

    def ensure_held(self) -> None:
        """Raises Fenced when a beat found a newer holder, Cancelled when it found a cancelled job. Costs nothing."""
        if self._lost:
            raise Fenced("somebody newer works this lane; the batch was abandoned")
        if self._cancelled:
            raise Cancelled("a job of the batch was cancelled")

    def progress(self, done: int, total: int) -> None:
        """How far the batch is; goes with the next beat."""
        self._progress = (done, total)

    def _run(self) -> None:
        pause_s = _FIRST_BEAT_S
        while not self._stop.wait(pause_s):
            self._beat()
            pause_s = min(self._ttl_ms / 4000, _LONGEST_PAUSE_S)

    def _beat(self) -> None:
        with self._lock:
            lease = None if self._lost else self._lease
        if lease is None:
            return
        self._on_beat()
        try:
            if self._mailbox.beat(lease, ttl_ms=self._ttl_ms, progress=self._progress):
                self._cancelled = self._lease is lease
        except Fenced:
            self._lose(lease)
        except Unavailable as error:
            log.warning("no beat: %s", error)

    def _lose(self, lease: Lease) -> None:
        with self._lock:
            # A batch that was committed a moment ago lets the lane go by itself: that is no loss.
            self._lost = self._lease is lease
