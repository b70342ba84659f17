"""Keeps a lease alive beside a handler, and notices when it is lost."""

import logging
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final, Self

from memos.errors import Fenced, Unavailable
from scheduler.lease import Lease
from scheduler.mailbox import Mailbox

log = logging.getLogger(__name__)

# The first beat also says that the jobs are running. Most batches end before it and save the round trip.
_FIRST_BEAT_S: Final = 0.25


class Heart:
    """A thread that beats for whatever lease it was last given.

    An outage of Redis does not stop the work: the lease may lapse, and the commit will tell whether anybody noticed.
    """

    def __init__(self, mailbox: Mailbox, *, ttl_ms: int) -> None:
        self._mailbox = mailbox
        self._ttl_ms = ttl_ms
        self._lease: Lease | None = None
        self._lost = False
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
            self._lease, self._lost = lease, False

    def ensure_held(self) -> None:
        """Raises Fenced when a beat has found a newer holder. Costs nothing."""
        if self._lost:
            raise Fenced("somebody newer works this lane; the batch was abandoned")

    def _run(self) -> None:
        pause_s = _FIRST_BEAT_S
        while not self._stop.wait(pause_s):
            self._beat()
            pause_s = self._ttl_ms / 4000

    def _beat(self) -> None:
        with self._lock:
            lease = None if self._lost else self._lease
        if lease is None:
            return
        try:
            self._mailbox.beat(lease, ttl_ms=self._ttl_ms)
        except Fenced:
            self._lose(lease)
        except Unavailable as error:
            log.warning("no beat: %s", error)

    def _lose(self, lease: Lease) -> None:
        with self._lock:
            # A batch that was committed a moment ago lets the lane go by itself: that is no loss.
            self._lost = self._lease is lease
