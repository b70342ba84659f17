"""A Redis whose clock can be put forward and back: libfaketime between it and the system, where that is installed.

Debian's package is `libfaketime`. Without it the fault that needs it is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from memos.errors import InvalidRequest

_LIBRARIES: Final = (
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    Path("/usr/lib/faketime/libfaketime.so.1"),
    Path("/usr/local/lib/faketime/libfaketime.so.1"),
)
# It reads its file again after so many seconds.
SETTLE_S: Final = 1.5


def find_faketime() -> Path | None:
    """The library, or None when it is not installed."""
    return next((path for path in _LIBRARIES if path.exists()), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisClock:
    """The file that says how far Redis's clock is off."""

    file: Path

    def environment(self) -> Mapping[str, str]:
        """For the server's process. Raises InvalidRequest without the library."""
        library = find_faketime()
        if library is None:
            raise InvalidRequest("redis_clock_step needs libfaketime (apt-get install libfaketime)")
        self.step(0)
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            # Durations stay right, as they do when a real clock is set.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """How far it is off from now on; takes SETTLE_S to be seen."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self.file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n", encoding="ascii")
        written.replace(self.file)
