"""What clients saw and what was done to the system, in order of time: one JSON object a line.

An ``op`` names one message that a client wants remembered, ``tenant/session/number``. It is *accepted* once an attempt
was acknowledged; an attempt whose answer never came leaves it unknown, and nothing is concluded from that.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBegan:
    """The first line: all that it takes to make the same choices again."""

    at_s: float
    seed: int
    broker: str
    faults: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """An attempt begins. ``key`` is the idempotency key, if it has one; every attempt of an op has the same."""

    at_s: float
    op: str
    key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged:
    """An attempt was answered with the id of a job."""

    at_s: float
    op: str
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unanswered:
    """An attempt failed in a way that leaves open whether it arrived."""

    at_s: float
    op: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An attempt was turned down: nothing was stored."""

    at_s: float
    op: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultBegan:
    """A nemesis goes to work."""

    at_s: float
    fault: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultEnded:
    """Whatever it did is over; ``done`` says what that was, and nothing when it could not do anything."""

    at_s: float
    fault: int
    done: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """All that was accepted before the fault's end has ended, and a fresh job too. Not ``complete``: patience has."""

    at_s: float
    fault: int
    seconds: float
    complete: bool
    waiting: int = 0


Event = RunBegan | Submitted | Acknowledged | Unanswered | Refused | FaultBegan | FaultEnded | Recovered
_TYPES: Final[tuple[type[Event], ...]] = (
    RunBegan, Submitted, Acknowledged, Unanswered, Refused, FaultBegan, FaultEnded, Recovered,
)  # fmt: skip
_BY_NAME: Final = {kind.__name__: kind for kind in _TYPES}


class History:
    """An append-only file of events, each written through at once. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: list[Event] = []
        self._lock = Lock()
        self._file = path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            self._events.append(event)
            self._file.write(encode_event(event) + "\n")
            self._file.flush()

    def events(self) -> list[Event]:
        """All events so far."""
        with self._lock:
            return list(self._events)


def encode_event(event: Event) -> str:
    """One line, without its end."""
    return json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False)


def decode_events(lines: Iterable[str]) -> list[Event]:
    """The events of a history file's lines."""
    return [_decode(json.loads(line)) for line in lines if line.strip()]


def _decode(fields: dict[str, Any]) -> Event:
    return _BY_NAME[fields.pop("event")](**fields)
