"""Builds the artefact of a cube's stable prefix, from as much of a stored one as is still right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memos.clock import Clock
from memos.ids import CubeId, TenantId
from memos.kv.engines.base import KVEngine
from memos.kv.hashing import hash_text
from memos.kv.lookup import MIN_REUSED_TOKENS, Found
from memos.kv.manifest import Manifest, MemoryRef
from memos.kv.prefix import cacheable_prefix, stable_block
from memos.kv.state import KVState
from memos.kv.store import ArtefactStore, NewArtefact
from memos.types import Memory

_BUILD_LOCK_TIMEOUT_S: Final = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildReport:
    """What a build did. ``reused_tokens`` were taken from a stored artefact, the rest computed.

    With ``skipped``, the reason in words, nothing was stored; ``artefact_id`` then names the one that is there
    already, if that is the reason.
    """

    artefact_id: str | None
    token_count: int
    reused_tokens: int = 0
    build_ms: float = 0.0
    skipped: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    tenant: TenantId
    cube: CubeId
    system_hash: str
    memories: tuple[MemoryRef, ...]
    ids: tuple[int, ...]
    generation: str


class KVBuilder:
    """Computes and stores KV states of stable prefixes. Two builders of one prefix compute it once."""

    def __init__(self, engine: KVEngine, store: ArtefactStore, clock: Clock) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock

    def build(
        self,
        tenant: TenantId,
        cube: CubeId,
        system_prompt: str,
        memories: Sequence[Memory],
        *,
        generation: str | None = None,
    ) -> BuildReport:
        """Make the artefact of this prefix, unless it is there.

        ``generation`` is ``store.generation`` as it was before the memories were read; when something of the cube
        was deleted since, the result is not stored. Raises InvalidConfig for a model whose states cannot be kept.
        """
        began = generation or self._store.generation(tenant, cube)
        block = stable_block(system_prompt, memories)
        plan = _Plan(
            tenant=tenant,
            cube=cube,
            system_hash=hash_text(system_prompt),
            memories=tuple(MemoryRef(id=memory.id, version=memory.version) for memory in block.memories),
            ids=tuple(cacheable_prefix(self._engine.encode, block.text)),
            generation=began,
        )
        if len(plan.ids) < MIN_REUSED_TOKENS:
            return BuildReport(artefact_id=None, token_count=len(plan.ids), skipped="the prefix is too short to pay")
        with self._store.building(tenant, cube, timeout_s=_BUILD_LOCK_TIMEOUT_S):
            return self._build_locked(plan)

    def _build_locked(self, plan: _Plan) -> BuildReport:
        found = self._store.find_longest(plan.tenant, plan.cube, self._engine.fingerprint, plan.ids)
        if isinstance(found, Found) and _is_already(found, plan):
            return BuildReport(
                artefact_id=found.manifest.artefact_id, token_count=len(plan.ids), skipped="it is stored already"
            )
        return self._compute(plan, base=found.state if isinstance(found, Found) else None)

    def _compute(self, plan: _Plan, *, base: KVState | None) -> BuildReport:
        start = self._clock.monotonic_s()
        state = self._engine.prefill(plan.ids, base=base)
        build_ms = (self._clock.monotonic_s() - start) * 1000
        saved = self._save(plan, state, build_ms)
        return BuildReport(
            artefact_id=None if saved is None else saved.artefact_id,
            token_count=len(plan.ids),
            reused_tokens=0 if base is None else base.token_count,
            build_ms=build_ms,
            skipped="something of the cube was deleted while it was built" if saved is None else None,
        )

    def _save(self, plan: _Plan, state: KVState, build_ms: float) -> Manifest | None:
        artefact = NewArtefact(
            fingerprint=self._engine.fingerprint,
            system_hash=plan.system_hash,
            memories=plan.memories,
            state=state,
            built_at_ms=self._clock.now_ms(),
            build_ms=build_ms,
        )
        return self._store.save(plan.tenant, plan.cube, artefact, generation=plan.generation)


def _is_already(found: Found, plan: _Plan) -> bool:
    stored = found.manifest
    same_tokens = stored.token_count == found.state.token_count == len(plan.ids)
    return same_tokens and stored.system_hash == plan.system_hash and stored.memories == plan.memories
