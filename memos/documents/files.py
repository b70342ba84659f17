"""Reading files below one directory, and no others, whatever links and paths say.

The path is resolved first; then each of its directories is opened below the one before, without following links, so
that a link put there in between leads nowhere.
"""

import os
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from memos.errors import AccessDenied, InvalidConfig, InvalidRequest, NotFound

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO without a writer must not hold us up.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_below(path: str | Path, *, root: Path, max_bytes: int) -> tuple[str, bytes]:
    """The path of a regular file relative to ``root``, and its bytes. A relative path starts at ``root``.

    Raises AccessDenied for what is not below ``root``, there or not; NotFound; InvalidRequest for what is no regular
    file or larger than ``max_bytes``; InvalidConfig when ``root`` is no directory.
    """
    base = resolve_root(root)
    parts = parts_below(base, path)
    if not parts:
        raise InvalidRequest("document path is documents_root itself; name a file in it")
    name = Path(*parts).as_posix()
    with ExitStack() as opened:
        file = _open_file(base, parts, name, opened)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise InvalidRequest(f"document {name!r} is not a regular file")
        content = _read(file, max_bytes + 1)
    if len(content) > max_bytes:
        raise InvalidRequest(f"document {name!r} has more than {max_bytes:,} bytes; split it")
    return name, content


def resolve_root(root: Path) -> Path:
    """The directory itself. Raises InvalidConfig when it is none."""
    try:
        base = root.expanduser().resolve(strict=True)
    except (OSError, RuntimeError):
        raise InvalidConfig(f"documents_root: {root} cannot be opened; name a directory") from None
    if not base.is_dir():
        raise InvalidConfig(f"documents_root: {root} is not a directory")
    return base


def parts_below(base: Path, path: object) -> tuple[str, ...]:
    """The names that lead from ``base`` to ``path``, links followed.

    Raises AccessDenied when it is not below, InvalidRequest for what is no path.
    """
    if not isinstance(path, str | Path) or not str(path).strip():  # a path that was forgotten would be all of the root
        raise InvalidRequest(f"document path must be the path of a file or directory, not {path!r:.80}")
    try:
        target = (base / path).resolve()
    except ValueError:
        raise InvalidRequest(f"document path {str(path)!r:.200} has a NUL character; remove it") from None
    except (OSError, RuntimeError):
        raise _outside(path) from None
    if not target.is_relative_to(base):
        raise _outside(path)
    return target.relative_to(base).parts


def _outside(path: str | Path) -> AccessDenied:
    # The same words whether it exists or not.
    return AccessDenied(f"document path {str(path)!r:.200} is not below documents_root; put the document there")


def _open_file(base: Path, parts: tuple[str, ...], name: str, opened: ExitStack) -> int:
    try:
        directory = _open(base, _DIRECTORY, None, opened)
        for part in parts[:-1]:
            directory = _open(part, _DIRECTORY, directory, opened)
        return _open(parts[-1], _FILE, directory, opened)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"there is no document {name!r} below documents_root") from None
    except PermissionError:
        raise AccessDenied(f"document {name!r} may not be read by this process; change its mode") from None
    except OSError as error:
        raise InvalidRequest(f"document {name!r} cannot be opened: {error.strerror}") from None


def _open(path: str | Path, flags: int, directory: int | None, opened: ExitStack) -> int:
    handle = os.open(path, flags, dir_fd=directory)
    opened.callback(os.close, handle)
    return handle


def _read(file: int, size: int) -> bytes:
    with os.fdopen(file, "rb", closefd=False) as handle:
        return handle.read(size)
