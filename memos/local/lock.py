"""One process at a time runs servers on a data directory."""

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final, Self

from memos.errors import Unavailable

MIN_FREE_BYTES: Final = 64 * 1024 * 1024
# A reader that tests the lock holds it for a moment, and a killed owner's servers take a few seconds to end.
_PATIENCE_S: Final = 8.0
_POLL_S: Final = 0.05


class DirectoryUnusable(Unavailable):
    """The data directory cannot be used: no space, no permission."""

    def __init__(self, data_dir: Path, message: str) -> None:
        super().__init__(f"data directory {data_dir}", message)


class DirectoryInUse(DirectoryUnusable):
    """Another process has the data directory's lock."""


class DirectoryLock:
    """The lock on a data directory, held until closed and by those who inherit ``handle``."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    @classmethod
    def acquire(cls, data_dir: Path, *, patience_s: float = _PATIENCE_S) -> Self:
        """Make the directory if missing and lock it.

        Raises DirectoryInUse when another process has it, DirectoryUnusable when it cannot be written or its disk is
        full; both say what to do.
        """
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_space(data_dir)
            handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise explain_disk_error(error, data_dir) from None
        if not _lock(handle, patience_s):
            os.close(handle)
            raise DirectoryInUse(data_dir, explain_owner(data_dir))
        _sign(handle)
        return cls(handle)

    def close(self) -> None:
        """Let go of it; it is free once every inheritor has done so as well."""
        os.close(self.handle)


def find_owner(data_dir: Path) -> int | None:
    """The process id that the last owner of the lock wrote into it."""
    try:
        return int((data_dir / "lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def explain_owner(data_dir: Path) -> str:
    """Who has the lock, and what can be done about it."""
    owner = find_owner(data_dir)
    return (
        f"process {owner or 'of unknown id'} is running servers there; a process with the same data directory finds "
        "and shares them by itself; `memos down` stops a stack, others end with their process; or choose another "
        "directory with --data-dir"
    )


def explain_disk_error(error: OSError, data_dir: Path) -> DirectoryUnusable:
    """Turn a failed write into one line that says what to do."""
    reason = error.strerror or str(error)
    return DirectoryUnusable(data_dir, f"{reason}; see to that, or choose another one with --data-dir")


def _require_space(data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < MIN_FREE_BYTES:
        raise OSError(0, f"only {free >> 20} MiB are free on its disk, {MIN_FREE_BYTES >> 20} are needed to start")


def _lock(handle: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        else:
            return True


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
