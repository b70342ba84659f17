"""Where artefacts lie on disk, and the locks around them. Names are hashes: no tenant's or cube's id is in a path.

root/                                 0700
  locks/TENANT.lock                   held while somebody writes or deletes for a tenant
  locks/TENANT-CUBE.build.lock        held while somebody builds for a cube
  TENANT/generation                   changes with every deletion of the tenant
  TENANT/CUBE/generation              changes with every deletion in the cube
  TENANT/CUBE/ARTEFACT.safetensors    0600; first to come, last to go
  TENANT/CUBE/ARTEFACT.json           the manifest: an artefact exists while this does
"""

import contextlib
import shutil
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from pydantic import ValidationError

from memos.errors import Corrupt, Unavailable
from memos.ids import CubeId, TenantId
from memos.kv.files import TEMPORARY_SUFFIX, write_whole
from memos.kv.hashing import hash_text
from memos.kv.manifest import FORMAT_VERSION, Manifest

MANIFEST_SUFFIX: Final = ".json"
TENSORS_SUFFIX: Final = ".safetensors"
_GENERATION: Final = "generation"
_NEVER_DELETED: Final = "0"
_WRITE_LOCK_TIMEOUT_S: Final = 30
_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700


class Shelf:
    """The directory of one tenant's cube."""

    def __init__(self, root: Path, tenant: TenantId, cube: CubeId) -> None:
        self._root = root
        self._tenant = tenant
        self._cube = cube
        self._tenant_name = hash_text(tenant)
        self._cube_name = hash_text(cube)

    @property
    def root(self) -> Path:
        return self._root

    @property
    def directory(self) -> Path:
        return self._tenant_directory / self._cube_name

    def tensors_path(self, artefact_id: str) -> Path:
        """Where an artefact's tensors are."""
        return self.directory / f"{artefact_id}{TENSORS_SUFFIX}"

    def manifest_paths(self) -> list[Path]:
        """The manifests there are, in no order."""
        return list(self.directory.glob(f"*{MANIFEST_SUFFIX}"))

    def read_manifest(self, path: Path) -> Manifest:
        """Raises Corrupt when it cannot be read or belongs elsewhere, FileNotFoundError when it is gone."""
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise Corrupt(f"manifest {path.name} cannot be read: {error.error_count()} errors") from None
        named = (path.stem, self._tenant, self._cube, FORMAT_VERSION)
        if named != (manifest.artefact_id, manifest.tenant, manifest.cube, manifest.format_version):
            raise Corrupt(f"manifest {path.name} is of another artefact, tenant, cube or format")
        return manifest

    def generation(self) -> str:
        """A mark that every deletion of the cube or tenant changes."""
        return f"{_read(self._tenant_directory / _GENERATION)}.{_read(self.directory / _GENERATION)}"

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the tenant's lock, with the cube's directory there. Raises Unavailable after half a minute."""
        with self._lock(self._tenant_name, _WRITE_LOCK_TIMEOUT_S), disk_errors(self._root):
            _make(self.directory)
            yield

    @contextlib.contextmanager
    def building(self, timeout_s: float) -> Generator[None]:
        """Hold the cube's build lock. Raises Unavailable when another worker builds for longer than that."""
        with self._lock(f"{self._tenant_name}-{self._cube_name}.build", timeout_s):
            yield

    def write(self, artefact_id: str, tensors: bytes, manifest: bytes) -> None:
        """Store an artefact: its tensors first, then the manifest that makes it exist. Needs ``writing``."""
        try:
            write_whole(self.tensors_path(artefact_id), tensors)
            write_whole(self.directory / f"{artefact_id}{MANIFEST_SUFFIX}", manifest)
        except OSError:
            self.remove(artefact_id)
            raise

    def remove(self, artefact_id: str) -> None:
        """Remove an artefact, the manifest first; an absent one is no error."""
        (self.directory / f"{artefact_id}{MANIFEST_SUFFIX}").unlink(missing_ok=True)
        self.tensors_path(artefact_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed writers left behind. Needs ``writing``, which shows that nobody writes just now."""
        for path in self.directory.iterdir():
            unfinished = path.suffix == TENSORS_SUFFIX and not path.with_suffix(MANIFEST_SUFFIX).exists()
            if unfinished or path.suffix == TEMPORARY_SUFFIX:
                path.unlink(missing_ok=True)

    def mark_deletion(self) -> None:
        """Change the cube's generation. Needs ``writing``."""
        write_whole(self.directory / _GENERATION, uuid.uuid4().hex.encode())

    def remove_tenant(self) -> list[str]:
        """Remove all of the tenant's cubes and change its generation; the removed artefacts' ids. Needs ``writing``."""
        removed = [path.stem for path in self._tenant_directory.glob(f"*/*{MANIFEST_SUFFIX}")]
        for directory in self._tenant_directory.iterdir():
            if directory.is_dir():
                shutil.rmtree(directory)
        write_whole(self._tenant_directory / _GENERATION, uuid.uuid4().hex.encode())
        return removed

    @property
    def _tenant_directory(self) -> Path:
        return self._root / self._tenant_name

    @contextlib.contextmanager
    def _lock(self, name: str, timeout_s: float) -> Generator[None]:
        lock = FileLock(self._root / "locks" / f"{name}.lock", timeout=timeout_s, mode=_FILE_MODE)
        with disk_errors(self._root):
            _make(self._root / "locks")
            try:
                lock.acquire()
            except Timeout:
                text = f"another process holds {lock.lock_file} for over {timeout_s} s; try again"
                raise Unavailable("KV store", text) from None
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def disk_errors(root: Path) -> Generator[None]:
    """Turn the file system's errors into Unavailable("disk"), which names the directory."""
    try:
        yield
    except OSError as error:
        raise Unavailable("disk", f"KV artefacts under {root} cannot be read or written: {error}") from error


def _make(directory: Path) -> None:
    # One level at a time: mkdir gives its mode to the last one only.
    if not directory.parent.is_dir():
        _make(directory.parent)
    directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return _NEVER_DELETED
