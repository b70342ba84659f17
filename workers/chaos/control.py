"""How the director of a run reaches into worker processes: files in one directory, read at points of the work.

    control/armed/POINT       "kill" or "stop": the next process that comes to the point removes the file and obeys
    control/fired/POINT.PID   that process did
    control/clock             milliseconds by which the processes' clocks are wrong
    control/hints             what becomes of hints: "drop", "double", or nothing is said
    control/touched           a byte for each hint to which that was done
    control/defect            a mistake that the processes shall make

A file is taken by removing it, which one process alone can do: each shot is fired once.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Timer
from typing import Final

from memos.clock import SystemClock

# Late enough that the question has been sent, early enough that a slow provider has not answered.
INSIDE_S: Final = 0.05


class Point(StrEnum):
    """Where a worker process can be made to stop."""

    DURING_LLM = "during_llm"
    BETWEEN_STORES = "between_stores"
    BEFORE_COMMIT = "before_commit"


class Order(StrEnum):
    """What happens there."""

    KILL = "kill"
    STOP = "stop"


class HintFate(StrEnum):
    """What becomes of a hint."""

    ARRIVE = ""
    DROP = "drop"
    DOUBLE = "double"


_SIGNALS: Final = {Order.KILL: signal.SIGKILL, Order.STOP: signal.SIGSTOP}


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """One run's directory."""

    directory: Path

    def arm(self, point: Point, order: Order) -> None:
        """Whoever comes to the point next obeys the order, once."""
        target = self._armed / point
        target.parent.mkdir(parents=True, exist_ok=True)
        written = target.with_name(f".{point}")
        written.write_text(order, encoding="ascii")
        written.replace(target)

    def disarm(self, point: Point) -> bool:
        """Take the order back; False when it has been obeyed, or never was given."""
        try:
            (self._armed / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def take_fired(self, point: Point) -> int | None:
        """The id of a process that obeyed at this point and has not been asked for yet."""
        for path in self._fired.glob(f"{point}.*"):
            path.unlink()
            return int(path.suffix[1:])
        return None

    def pass_point(self, point: Point, *, inside_s: float = 0.0) -> None:
        """Called by worker processes. With ``inside_s`` the order is obeyed so much later, while work goes on."""
        order = self._take(point)
        if order is None:
            return
        self._fired.mkdir(parents=True, exist_ok=True)
        (self._fired / f"{point}.{os.getpid()}").touch()
        if inside_s:
            Timer(inside_s, _obey, args=(order,)).start()
        else:
            _obey(order)

    def set_clock_error(self, milliseconds: int) -> None:
        """How far the processes' clocks are off from now on."""
        self._write("clock", str(milliseconds))

    def clock_error_ms(self) -> int:
        """What was set last; 0 at first."""
        return int(self._read("clock") or 0)

    def set_hint_fate(self, fate: HintFate) -> None:
        """What becomes of hints from now on."""
        self._write("hints", fate)

    def hint_fate(self) -> HintFate:
        """What was set last; they arrive at first."""
        return HintFate(self._read("hints"))

    def note_touched_hint(self) -> None:
        """Called by dispatchers."""
        with (self.directory / "touched").open("ab") as touched:
            touched.write(b".")

    def take_touched_hints(self) -> int:
        """How many hints have been touched since this was last asked."""
        touched = self.directory / "touched"
        count = touched.stat().st_size if touched.exists() else 0
        touched.unlink(missing_ok=True)
        return count

    def set_defect(self, name: str) -> None:
        """The mistake that the processes make; set it before they start."""
        self._write("defect", name)

    def defect(self) -> str:
        """The name of the mistake, empty for none."""
        return self._read("defect")

    @property
    def _armed(self) -> Path:
        return self.directory / "armed"

    @property
    def _fired(self) -> Path:
        return self.directory / "fired"

    def _take(self, point: Point) -> Order | None:
        path = self._armed / point
        if not path.exists():
            return None
        with contextlib.suppress(FileNotFoundError):
            order = Order(path.read_text(encoding="ascii"))
            path.unlink()
            return order
        return None

    def _write(self, name: str, text: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        written = self.directory / f".{name}"
        written.write_text(text, encoding="ascii")
        written.replace(self.directory / name)

    def _read(self, name: str) -> str:
        try:
            return (self.directory / name).read_text(encoding="ascii")
        except FileNotFoundError:
            return ""


class SteppedClock(SystemClock):
    """The machine's clock, wrong by whatever the control directory says. Durations are right, as on a real machine."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def now_ms(self) -> int:
        return super().now_ms() + self._control.clock_error_ms()


def _obey(order: Order) -> None:
    os.kill(os.getpid(), _SIGNALS[order])
