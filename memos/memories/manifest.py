"""What a dump consists of, and whether it is what was written: manifest.json, sizes and checksums.

{"format": "memos", "version": 1, "files": {"config.json": {"sha256": "...", "size_bytes": 310}, ...}}
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from memos.errors import Corrupt, InvalidRequest, NotFound
from memos.kv.bundle import disk_errors
from memos.kv.hashing import hash_file

FORMAT: Final = "memos"
VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"
PICKLES: Final = frozenset({".pickle", ".pkl", ".bin", ".pt", ".pth"})


class ListedFile(BaseModel):
    """What the manifest says of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class Manifest(BaseModel):
    """Every file of a dump but the manifest itself, by its path with ``/`` in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = FORMAT
    version: int = VERSION
    files: dict[str, ListedFile]

    @field_validator("files")
    @classmethod
    def _check_paths(cls, files: dict[str, ListedFile]) -> dict[str, ListedFile]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name or name == ".":
                raise ValueError(f"the path {name!r:.80} leaves the directory")
        return files


def load_manifest(directory: Path) -> Manifest | None:
    """What the dump in a directory lists; None where there is no manifest.

    Raises Corrupt, and InvalidRequest for pickles and links, listed or not, and for a later version of the format.
    """
    with disk_errors(directory):
        names = list_files(directory)
        refuse_pickles(directory, names)
        return parse_manifest(directory) if MANIFEST_FILE in names else None


def verify(directory: Path) -> Manifest:
    """Check the size and SHA-256 of every listed file. Raises NotFound without a manifest, Corrupt, InvalidRequest."""
    manifest = load_manifest(directory)
    if manifest is None:
        raise NotFound(f"there is no dump in {directory}: it has no {MANIFEST_FILE}")
    with disk_errors(directory):
        for name, listed in manifest.files.items():
            path = directory / name
            if not path.is_file():
                raise Corrupt(f"{path} is listed in {MANIFEST_FILE} and gone; restore it or dump again")
            _compare(path, listed, path.stat().st_size, hash_file)
    return manifest


def read_listed(directory: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of a listed file, checked. Raises Corrupt; NotFound when it is not listed."""
    if name not in manifest.files:
        raise NotFound(f"the dump in {directory} has no {name}")
    path = directory / name
    with disk_errors(directory):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Corrupt(f"{path} is listed in {MANIFEST_FILE} and gone; restore it or dump again") from None
    _compare(path, manifest.files[name], len(content), lambda _: hashlib.sha256(content).hexdigest())
    return content


def write_manifest(directory: Path) -> None:
    """List every file below ``directory``. Raises InvalidRequest for pickles and links, which nobody could read."""
    names = [name for name in list_files(directory) if name != MANIFEST_FILE]
    refuse_pickles(directory, names)
    files = {name: _describe(directory / name) for name in names}
    manifest = Manifest(files=files).model_dump()
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def list_files(directory: Path) -> list[str]:
    """Every file below a directory, by its path with ``/`` in it, sorted. Raises InvalidRequest for a link."""
    names: list[str] = []
    for parent, directories, files in os.walk(directory, onerror=_raise):
        for name in (*directories, *files):
            path = Path(parent, name)
            if path.is_symlink():
                raise InvalidRequest(f"{path} is a link, which a dump may not have: it could lead anywhere; remove it")
        names += [Path(parent, name).relative_to(directory).as_posix() for name in files]
    return sorted(names)


def refuse_pickles(directory: Path, names: Collection[str]) -> None:
    """Raises InvalidRequest when one of the files is, by its name, a pickle."""
    for name in names:
        if PurePosixPath(name).suffix.lower() in PICKLES:
            raise InvalidRequest(
                f"{directory / name} is a pickle; a pickle can run code when it is read, so it is refused; remove it "
                "and make the memory anew from its source"
            )


def parse_manifest(directory: Path) -> Manifest:
    """What manifest.json says. Raises Corrupt, and InvalidRequest for a later version of the format."""
    path = directory / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Corrupt(f"{path} is damaged or not ours ({first['msg']}); restore it or dump elsewhere") from None
    if manifest.format != FORMAT or manifest.version > VERSION:
        raise InvalidRequest(
            f"{path} is of format {manifest.format!r:.40}, version {manifest.version}; this reads {FORMAT!r} up to "
            f"version {VERSION}: use a newer release"
        )
    return manifest


def _describe(path: Path) -> ListedFile:
    return ListedFile(sha256=hash_file(path), size_bytes=path.stat().st_size)


def _compare(path: Path, listed: ListedFile, size_bytes: int, sha256: Callable[[Path], str]) -> None:
    if size_bytes != listed.size_bytes:
        raise Corrupt(f"{path} has {size_bytes} bytes instead of {listed.size_bytes}; restore it or dump again")
    found = sha256(path)
    if found != listed.sha256:
        raise Corrupt(f"{path} has SHA-256 {found} instead of {listed.sha256}; restore it or dump again")


def _raise(error: OSError) -> None:
    raise error
