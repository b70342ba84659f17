"""Finding the stored state that a prompt can start from.

    manifests of the cube ──> same model? ──> common tokens ──> the longest ──> RAM, else disk, every byte checked

Part of an artefact is as good as a whole one: the state of its first n tokens is what the model computes for them.
So a prefix that grew, or changed at its end, still uses what it has in common with the stored one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from memos.errors import Corrupt
from memos.kv.files import load_state, load_token_ids
from memos.kv.hashing import hash_tokens
from memos.kv.manifest import Manifest, ModelFingerprint
from memos.kv.ram import RamTier
from memos.kv.shelf import Shelf, disk_errors
from memos.kv.state import KVState, common_prefix_length

logger = logging.getLogger(__name__)

# Loading a state costs more than computing fewer tokens than this.
MIN_REUSED_TOKENS: Final = 16

Tier = Literal["ram", "disk"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A state of a prefix of the prompt, at least MIN_REUSED_TOKENS long, and the artefact that it is part of."""

    state: KVState
    manifest: Manifest
    tier: Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class Miss:
    """Nothing can be reused; ``reason`` says why, in words."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    manifest: Manifest
    common_tokens: int


class Lookup:
    """One search on one shelf. Damaged artefacts that it meets are removed, and the reason of a miss says so."""

    def __init__(self, shelf: Shelf, ram: RamTier) -> None:
        self._shelf = shelf
        self._ram = ram
        self._reason = "no artefact is stored for this cube"

    def find_longest(self, fingerprint: ModelFingerprint, prompt_ids: Sequence[int]) -> Found | Miss:
        """The state of the longest stored prefix, compared token by token. Raises Unavailable("disk")."""
        with disk_errors(self._shelf.root):
            candidates = [self._compare(path, fingerprint, prompt_ids) for path in self._shelf.manifest_paths()]
            longest_first = sorted(filter(None, candidates), key=lambda one: one.common_tokens, reverse=True)
            found = (self._load(candidate) for candidate in longest_first)
            return next(filter(None, found), None) or Miss(reason=self._reason)

    def _compare(self, path: Path, fingerprint: ModelFingerprint, prompt_ids: Sequence[int]) -> _Candidate | None:
        try:
            manifest = self._shelf.read_manifest(path)
            differing = fingerprint.differing_fields(manifest.fingerprint)
            if differing:
                return self._miss(f"the artefact is of another model: {', '.join(differing)} differs")
            common = common_prefix_length(self._token_ids(manifest), prompt_ids)
        except FileNotFoundError:
            return self._miss("the artefact was replaced or deleted a moment ago")
        except Corrupt as damage:
            return self._discard(path.stem, damage)
        if common < MIN_REUSED_TOKENS:
            return self._miss(f"the artefact shares only {common} leading tokens with this prompt")
        return _Candidate(manifest=manifest, common_tokens=common)

    def _token_ids(self, manifest: Manifest) -> tuple[int, ...]:
        held = self._ram.find(manifest.artefact_id)
        ids = held.token_ids if held else load_token_ids(self._shelf.tensors_path(manifest.artefact_id))
        if len(ids) != manifest.token_count or hash_tokens(ids) != manifest.token_ids_hash:
            raise Corrupt(f"artefact {manifest.artefact_id} has other tokens than its manifest says")
        return ids

    def _load(self, candidate: _Candidate) -> Found | None:
        manifest = candidate.manifest
        held = self._ram.find(manifest.artefact_id)
        try:
            state = held or load_state(self._shelf.tensors_path(manifest.artefact_id), manifest)
        except FileNotFoundError:
            return self._miss("the artefact was replaced or deleted a moment ago")
        except Corrupt as damage:
            return self._discard(manifest.artefact_id, damage)
        if held is None:
            self._ram.put(manifest.artefact_id, state)
        tier: Tier = "disk" if held is None else "ram"
        return Found(state=state.first(candidate.common_tokens), manifest=manifest, tier=tier)

    def _miss(self, reason: str) -> None:
        self._reason = reason

    def _discard(self, artefact_id: str, damage: Corrupt) -> None:
        logger.error("KV artefact %s is damaged and removed: %s", artefact_id, damage)
        self._reason = f"the artefact was damaged and removed: {damage}"
        self._ram.drop([artefact_id])
        self._shelf.remove(artefact_id)
