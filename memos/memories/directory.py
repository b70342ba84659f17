"""A dump's directory: replaced as one, and checked byte by byte when it is read.

PARENT/
  NAME/                    the dump: manifest.json and the files that it lists
  .NAME.XXXX.memos-tmp/    a dump being written; its writer holds a lock on it, so one without a lock is a dead writer's
  .NAME.memos-old/         the dump before, for the moment between the two renames

write all ──> fsync ──> NAME to .NAME.memos-old ──> the new one to NAME ──> the old one removed

Killed before the second rename, the old dump is whole and ``recover`` puts it back; killed after it, the new one is.
Locks are flocks of directories, so they leave no files and end with their process. Readers share a lock of NAME, and
who replaces it waits for them. A file system without such locks is used without.
"""

import contextlib
import errno
import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Generator
from pathlib import Path, PurePosixPath
from typing import Final

from memos.errors import InvalidRequest, NotFound
from memos.kv.bundle import disk_errors
from memos.memories.manifest import MANIFEST_FILE, list_files, parse_manifest, write_manifest

_LEGACY_CONFIG: Final = "config.json"
_LEGACY_TEXT: Final = "textual_memory.json"
# What only the config.json of MemOS 1.x has.
_LEGACY_FIELD: Final = "config_filename"

# What locks and file managers leave behind: no part of a dump, and nobody's loss.
_LITTER: Final = frozenset({".lock", ".DS_Store"})
_SCRATCH: Final = ".memos-tmp"
_BACKUP: Final = ".memos-old"
_MODE: Final = 0o700
_NO_LOCKS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


@contextlib.contextmanager
def replacing(path: str | Path, *, may_hold: Collection[str] | None = None) -> Generator[Path]:
    """A new, empty directory to write into; what is in it at the end takes the place of ``path`` at once.

    When the block raises, or the process is killed, ``path`` keeps what it had. ``may_hold`` are the files that the
    dump to be replaced may consist of, any by default. Raises InvalidRequest rather than replace files that belong to
    no dump, and Unavailable("disk").
    """
    target = _target(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        recover(target)
        _check_replaceable(target, may_hold)
    with _scratch(target) as scratch:
        fresh = scratch / "new" / target.name  # two levels: a dump inside this dump locks the one between
        with disk_errors(target):
            fresh.mkdir(parents=True, mode=_MODE)
        yield fresh
        with disk_errors(target):
            _seal(fresh)
            while not _swap(fresh, target, scratch, may_hold):
                pass  # somebody else replaced it while this waited for its readers


@contextlib.contextmanager
def reading(path: str | Path) -> Generator[Path]:
    """The directory, which nobody replaces while the block runs. Raises NotFound, Unavailable("disk")."""
    target = _target(path)
    with contextlib.ExitStack() as held:
        with disk_errors(target):
            while not _hold(target, held):
                pass  # it was replaced while this waited
        yield target


def recover(path: str | Path) -> None:
    """Put back the dump that a killed writer had moved away, and remove what dead writers left."""
    target = _target(path)
    if target.parent.is_dir():
        with disk_errors(target), _locked(target.parent, fcntl.LOCK_EX):
            _recover(target)


def is_legacy(directory: Path) -> bool:
    """Whether this is a cube's directory that MemOS 1.x wrote."""
    if (directory / MANIFEST_FILE).exists():
        return False
    try:
        config = json.loads((directory / _LEGACY_CONFIG).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and (_LEGACY_FIELD in config or (directory / _LEGACY_TEXT).exists())


def _target(path: str | Path) -> Path:
    target = Path(path).resolve()
    if not target.name:
        raise InvalidRequest(f"{path} cannot be a dump's directory; choose one below it")
    return target


def _check_replaceable(target: Path, may_hold: Collection[str] | None) -> None:
    if target.exists() and not target.is_dir():
        raise InvalidRequest(f"{target} is a file; a dump is a directory: choose another path")
    top = [path.name for path in target.iterdir() if path.name not in _LITTER] if target.exists() else []
    if not top:
        return
    known = _known_files(target)
    # Of a directory that has no dump in it, which may be somebody's home, the first name tells enough.
    found = {name for name in list_files(target) if PurePosixPath(name).name not in _LITTER} if known else {min(top)}
    if not found <= known:
        raise InvalidRequest(
            f"{target} holds {min(found - known)}, which belongs to no dump and would be lost; "
            "choose another directory, or move it away"
        )
    if may_hold is not None and not found <= {*may_hold, MANIFEST_FILE}:
        raise InvalidRequest(
            f"{target} holds more than this memory, a cube's files, which would be lost; dump the cube"
        )


def _known_files(target: Path) -> frozenset[str]:
    if (target / MANIFEST_FILE).exists():
        return frozenset({*parse_manifest(target).files, MANIFEST_FILE})
    return frozenset({_LEGACY_CONFIG, _LEGACY_TEXT}) if is_legacy(target) else frozenset()


def _seal(fresh: Path) -> None:
    for litter in [path for path in fresh.rglob("*") if path.name in _LITTER]:
        litter.unlink()
    write_manifest(fresh)
    for path in (fresh, *fresh.rglob("*")):
        _sync(path)


def _swap(fresh: Path, target: Path, scratch: Path, may_hold: Collection[str] | None) -> bool:
    backup = _backup(target)
    with _opened(target, fcntl.LOCK_EX) as old, _locked(target.parent, fcntl.LOCK_EX):
        _recover(target)
        if not _is_still(old, target):
            return False
        _check_replaceable(target, may_hold)
        if old is not None:
            os.rename(target, backup)
        os.rename(fresh, target)
        _sync(target.parent)
        if old is not None:
            os.rename(backup, scratch / "old")  # a backup that has its name is always whole
    return True


def _recover(target: Path) -> None:
    backup = _backup(target)
    if backup.exists():
        if not target.exists():
            os.rename(backup, target)
        elif (target / MANIFEST_FILE).exists():
            os.rename(backup, tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_SCRATCH, dir=target.parent))
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{_SCRATCH}"):
        _remove_if_dead(left)


def _remove_if_dead(scratch: Path) -> None:
    with contextlib.suppress(OSError):  # its writer lives, or another one removes it
        handle = os.open(scratch, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(scratch)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _scratch(target: Path) -> Generator[Path]:
    with contextlib.ExitStack() as held:
        with disk_errors(target), _locked(target.parent, fcntl.LOCK_EX):
            scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_SCRATCH, dir=target.parent))
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            held.enter_context(_locked(scratch, fcntl.LOCK_EX))
        yield scratch


def _hold(target: Path, held: contextlib.ExitStack) -> bool:
    with contextlib.ExitStack() as trying:
        found = trying.enter_context(_opened(target, fcntl.LOCK_SH))
        if found is not None and _is_still(found, target):
            held.push(trying.pop_all())
            return True
    if found is None:
        recover(target)
        if not target.exists():
            raise NotFound(f"there is no directory {target}")
    return False


@contextlib.contextmanager
def _opened(target: Path, mode: int) -> Generator[int | None]:
    try:
        handle = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield None
        return
    except NotADirectoryError:
        raise InvalidRequest(f"{target} is a file; a dump is a directory: choose another path") from None
    try:
        _flock(handle, mode)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _locked(directory: Path, mode: int) -> Generator[None]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        _flock(handle, mode)
        yield
    finally:
        os.close(handle)


def _flock(handle: int, mode: int) -> None:
    try:
        fcntl.flock(handle, mode)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _is_still(handle: int | None, target: Path) -> bool:
    """Whether what was opened, or nothing, is what the path names now."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return handle is None
    return handle is not None and os.path.samestat(os.fstat(handle), found)


def _sync(path: Path) -> None:
    """Make a file's bytes, or the names in a directory, outlive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _backup(target: Path) -> Path:
    return target.with_name(f".{target.name}{_BACKUP}")
