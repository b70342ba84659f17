"""The store of KV artefacts: RAM in front of a directory, one shelf a cube.

save ────> tensors, then manifest ──> older artefacts of the same system prompt go
find ────> see lookup.py
delete ──> manifest, tensors, RAM ──> the generation changes, so that a build that began before is not saved
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from memos.errors import Corrupt
from memos.ids import CubeId, MemoryId, TenantId
from memos.kv.files import pack_state
from memos.kv.hashing import canonical_json, checksum, hash_text, hash_tokens
from memos.kv.lookup import Found, Lookup, Miss
from memos.kv.manifest import Manifest, MemoryRef, ModelFingerprint
from memos.kv.ram import RamTier
from memos.kv.shelf import Shelf, disk_errors
from memos.kv.state import KVState

DEFAULT_RAM_BYTES: Final = 512 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class NewArtefact:
    """A state to be stored, and what it was computed from."""

    fingerprint: ModelFingerprint
    system_hash: str
    memories: tuple[MemoryRef, ...]
    state: KVState
    built_at_ms: int
    build_ms: float


class ArtefactStore:
    """Artefacts under a directory. Thread-safe, and safe for any number of processes on one directory.

    Raises Unavailable("disk") when the directory cannot be read or written.
    """

    def __init__(self, root: Path, *, ram_bytes: int = DEFAULT_RAM_BYTES, keep_per_cube: int = 4) -> None:
        self._root = root
        self._ram = RamTier(ram_bytes)
        self._keep_per_cube = max(1, keep_per_cube)

    def save(
        self, tenant: TenantId, cube: CubeId, artefact: NewArtefact, *, generation: str | None = None
    ) -> Manifest | None:
        """Store an artefact; it replaces those of the same model and system prompt.

        Returns None, and stores nothing, when something of the cube was deleted since ``generation`` was read. All
        or nothing, also when the process is killed.
        """
        tensors = pack_state(artefact.state)
        manifest = _manifest_of(tenant, cube, artefact, tensors)
        shelf = Shelf(self._root, tenant, cube)
        with shelf.writing():
            if generation is not None and generation != shelf.generation():
                return None
            shelf.sweep()
            shelf.write(manifest.artefact_id, tensors, manifest.model_dump_json(indent=2).encode())
            self._remove(shelf, _outdated(_readable(shelf), manifest, keep=self._keep_per_cube))
        self._ram.put(manifest.artefact_id, artefact.state)
        return manifest

    def find_longest(
        self, tenant: TenantId, cube: CubeId, fingerprint: ModelFingerprint, prompt_ids: Sequence[int]
    ) -> Found | Miss:
        """The state of the longest stored prefix of these tokens, compared token by token."""
        return Lookup(Shelf(self._root, tenant, cube), self._ram).find_longest(fingerprint, prompt_ids)

    def list_artefacts(self, tenant: TenantId, cube: CubeId) -> list[Manifest]:
        """The manifests of a cube, newest first; unreadable ones are left out."""
        with disk_errors(self._root):
            return _readable(Shelf(self._root, tenant, cube))

    def generation(self, tenant: TenantId, cube: CubeId) -> str:
        """A mark that every deletion changes. Read it before reading the memories that go into a build."""
        with disk_errors(self._root):
            return Shelf(self._root, tenant, cube).generation()

    def building(self, tenant: TenantId, cube: CubeId, *, timeout_s: float) -> AbstractContextManager[None]:
        """Hold the right to build for a cube, so that two workers do not compute the same."""
        return Shelf(self._root, tenant, cube).building(timeout_s)

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> int:
        """Remove every artefact of a cube, and say how many."""
        return self._delete(tenant, cube, lambda manifest: True)

    def delete_derived(self, tenant: TenantId, cube: CubeId, memory_ids: Sequence[MemoryId]) -> int:
        """Remove every artefact built from one of these memories, and say how many.

        One whose manifest cannot be read goes as well: nobody can tell what is in it.
        """
        gone = frozenset(memory_ids)
        return self._delete(tenant, cube, lambda manifest: any(memory.id in gone for memory in manifest.memories))

    def delete_tenant(self, tenant: TenantId) -> int:
        """Remove every artefact of a tenant, and say how many."""
        shelf = Shelf(self._root, tenant, CubeId(""))
        with shelf.writing():
            removed = shelf.remove_tenant()
        self._ram.drop(removed)
        return len(removed)

    def _delete(self, tenant: TenantId, cube: CubeId, wanted: Callable[[Manifest], bool]) -> int:
        shelf = Shelf(self._root, tenant, cube)
        with shelf.writing():
            shelf.mark_deletion()
            shelf.sweep()
            spared = {manifest.artefact_id for manifest in _readable(shelf) if not wanted(manifest)}
            doomed = [path.stem for path in shelf.manifest_paths() if path.stem not in spared]
            self._remove(shelf, doomed)
        return len(doomed)

    def _remove(self, shelf: Shelf, artefact_ids: Sequence[str]) -> None:
        for artefact_id in artefact_ids:
            shelf.remove(artefact_id)
        self._ram.drop(artefact_ids)


def _manifest_of(tenant: TenantId, cube: CubeId, artefact: NewArtefact, tensors: bytes) -> Manifest:
    token_ids_hash = hash_tokens(artefact.state.token_ids)
    name = [tenant, cube, artefact.fingerprint.model_dump(), artefact.system_hash, token_ids_hash]
    return Manifest(
        artefact_id=hash_text(canonical_json(name)),
        tenant=tenant,
        cube=cube,
        fingerprint=artefact.fingerprint,
        system_hash=artefact.system_hash,
        token_ids_hash=token_ids_hash,
        token_count=artefact.state.token_count,
        memories=artefact.memories,
        size_bytes=len(tensors),
        checksum=checksum(tensors),
        built_at_ms=artefact.built_at_ms,
        build_ms=artefact.build_ms,
    )


def _readable(shelf: Shelf) -> list[Manifest]:
    manifests: list[Manifest] = []
    for path in shelf.manifest_paths():
        try:
            manifests.append(shelf.read_manifest(path))
        except (FileNotFoundError, Corrupt):
            continue
    return sorted(manifests, key=lambda manifest: manifest.built_at_ms, reverse=True)


def _outdated(stored: Sequence[Manifest], newest: Manifest, *, keep: int) -> list[str]:
    others = [manifest for manifest in stored if manifest.artefact_id != newest.artefact_id]
    superseded = [manifest for manifest in others if _supersedes(newest, manifest)]
    rest = [manifest for manifest in others if not _supersedes(newest, manifest)]
    return [manifest.artefact_id for manifest in (*superseded, *rest[keep - 1 :])]


def _supersedes(newer: Manifest, older: Manifest) -> bool:
    return newer.fingerprint == older.fingerprint and newer.system_hash == older.system_hash
