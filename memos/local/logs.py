"""What the children print: ``data_dir/logs/NAME.log``, one older generation kept."""

import os
from pathlib import Path
from typing import IO, Final

MAX_LOG_BYTES: Final = 16 * 1024 * 1024
_TAIL_LINES: Final = 8
_TAIL_BYTES: Final = 8192


def open_log(path: Path) -> IO[bytes]:
    """Open for appending, private; a file that has grown large becomes ``NAME.log.1`` first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def read_tail(path: Path) -> str:
    """The last lines, indented; "(empty)" when there is nothing."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = stream.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (empty)"
