"""The file by which a process shows that it works. Its time of change is the machine's monotonic clock.

Not the time of day: when that is set, nobody must be taken for dead. All processes of a machine share this clock, and
whoever looks needs nothing but the file: the supervisor of the local stack, a probe, the process itself.
"""

import os
import time
from pathlib import Path
from typing import Final

# Longer than any pause of a worker that is well, and short enough that another one works within 30 s.
PATIENCE_S: Final = 20.0


def show(path: Path) -> None:
    """This process works now. Raises OSError when the directory cannot be written to."""
    now_ns = time.monotonic_ns()
    try:
        os.utime(path, ns=(now_ns, now_ns))
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, ns=(now_ns, now_ns))


def find_age_s(path: Path) -> float | None:
    """Seconds since it was shown last; None when it never was, or not since the machine started."""
    try:
        age_ns = time.monotonic_ns() - path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return age_ns / 1e9 if age_ns >= 0 else None


def find_stall(path: Path, *, patience_s: float = PATIENCE_S) -> str | None:
    """Why the process counts as stalled, or None. One that has shown nothing yet is still starting."""
    return describe_stall(find_age_s(path), patience_s=patience_s)


def describe_stall(age_s: float | None, *, patience_s: float) -> str | None:
    """The decision, pure."""
    if age_s is None or age_s <= patience_s:
        return None
    return f"it has shown no sign of work for {age_s:.0f} s, more than {patience_s:g}"
