"""A dump on disk: files named by one manifest, replaced as one.

directory/
  NAME.json          the manifest: the dump exists while this does, and changes with its one rename
  NAME/HASH...       what it names; names are hashes of contents, so a newer dump overwrites nothing of an older one
  NAME/.lock         held while somebody writes

Killed before the rename, the old dump is whole; killed after it, the new one is, and the next dump removes the rest.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Collection, Generator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from memos.errors import Corrupt, InvalidRequest, NotFound, Unavailable
from memos.kv.files import TEMPORARY_SUFFIX, write_whole
from memos.kv.hashing import canonical_json, checksum

_PICKLES: Final = (".pickle", ".pkl")
_OURS: Final = re.compile(r"[0-9a-f]{32}(\.safetensors)?")
_LOCK_TIMEOUT_S: Final = 30
_DIRECTORY_MODE: Final = 0o700
T = TypeVar("T")


class Bundle:
    """The dump called ``name`` in a directory. Raises Unavailable("disk") when it cannot be read or written.

    A pickle of that name beside it is refused with InvalidRequest, and never opened.
    """

    def __init__(self, directory: str | Path, name: str, *, lock_timeout_s: float = _LOCK_TIMEOUT_S) -> None:
        self._directory = Path(directory)
        self._name = name
        self._lock_timeout_s = lock_timeout_s

    @property
    def manifest_path(self) -> Path:
        return self._directory / f"{self._name}.json"

    def path_of(self, relative: str) -> Path:
        """Where one of its files is."""
        return self._directory / self._name / relative

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the lock, with the directories there. Raises Unavailable after ``lock_timeout_s``."""
        refuse_pickle(self._directory, self._name)
        files = self._directory / self._name
        with disk_errors(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            files.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
            try:
                with FileLock(files / ".lock", timeout=self._lock_timeout_s, mode=0o600):
                    yield
            except Timeout:
                text = f"another process has been dumping into {files} for {self._lock_timeout_s} s; try again"
                raise Unavailable("disk", text) from None

    def write(self, relative: str, content: bytes) -> None:
        """Store a file that is not part of the dump yet. Needs ``writing``."""
        path = self.path_of(relative)
        path.parent.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        write_whole(path, content)

    def commit(self, manifest: bytes, named: Collection[str]) -> None:
        """Make this the dump, and remove what it does not name; ``named`` are entries of NAME/. Needs ``writing``."""
        write_whole(self.manifest_path, manifest)
        for path in (self._directory / self._name).iterdir():
            is_ours = _OURS.fullmatch(path.name) or path.suffix == TEMPORARY_SUFFIX
            if is_ours and path.name not in named:
                _remove(path)

    def load(self, read: Callable[[bytes], T]) -> T:
        """What ``read`` makes of the manifest and its files; once more when another dump took their place meanwhile.

        Raises NotFound when there is no dump, InvalidRequest when there is a pickle.
        """
        while True:
            manifest = self._read_manifest()
            try:
                return read(manifest)
            except Corrupt:
                if self._read_manifest() == manifest:
                    raise

    def read(self, relative: str) -> bytes:
        """One of its files. Raises Corrupt when it is gone."""
        with self.reading(relative) as path:
            return path.read_bytes()

    @contextlib.contextmanager
    def reading(self, relative: str) -> Generator[Path]:
        """The path of one of its files. Raises Corrupt when it is gone."""
        path = self.path_of(relative)
        with disk_errors(self._directory):
            try:
                yield path
            except FileNotFoundError:
                raise Corrupt(f"{self.manifest_path} names {path}, which is gone; restore it or dump again") from None

    def _read_manifest(self) -> bytes:
        refuse_pickle(self._directory, self._name)
        with disk_errors(self._directory):
            try:
                return self.manifest_path.read_bytes()
            except FileNotFoundError:
                raise NotFound(f"there is no dump {self.manifest_path}") from None


class _Sealed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str
    version: int
    checksum: str
    content: dict[str, Any]


def seal(kind: str, version: int, content: Mapping[str, Any]) -> bytes:
    """JSON that tells what it is and notices damage."""
    sealed = {"kind": kind, "version": version, "checksum": _sum(content), "content": content}
    return json.dumps(sealed, indent=1).encode() + b"\n"


def unseal(sealed: bytes, kind: str, version: int, *, where: str) -> dict[str, Any]:
    """What was sealed. Raises Corrupt for damage, InvalidRequest for another kind or version."""
    try:
        found = _Sealed.model_validate_json(sealed)
    except ValidationError as error:
        raise Corrupt(f"{where} cannot be read: {error.error_count()} errors; restore it or dump again") from None
    if (found.kind, found.version) != (kind, version):
        raise InvalidRequest(
            f"{where} is of kind {found.kind!r:.40}, version {found.version}; this reads {kind!r}, version {version}"
        )
    if found.checksum != _sum(found.content):
        raise Corrupt(f"{where} is damaged: its checksum differs; restore it or dump again")
    return found.content


def refuse_pickle(directory: Path, name: str) -> None:
    """Raises InvalidRequest when an old dump, a pickle, is there."""
    for suffix in _PICKLES:
        path = directory / f"{name}{suffix}"
        if path.exists():
            raise InvalidRequest(
                f"{path} is a pickle, which can run any code when it is opened, so it is refused; remove it and "
                "extract the memory anew from its text"
            )


@contextlib.contextmanager
def disk_errors(directory: Path) -> Generator[None]:
    """Turn the file system's errors into Unavailable("disk"), which names the directory."""
    try:
        yield
    except OSError as error:
        raise Unavailable("disk", f"a dump in {directory} cannot be read or written: {error}") from error


def _sum(content: Mapping[str, Any]) -> str:
    return checksum(canonical_json(content).encode())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
