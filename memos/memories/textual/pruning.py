"""Pruning a cube in graph and index: plan, then page by page; safe beside other writers, and to repeat.

list ──> plan (memos/organize/prune.py) ──> archive ──> index        or  ──> delete from graph, index, KV artefacts
                                               └── what was changed since it was listed stays ──┘
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memos.clock import Clock
from memos.ids import CubeId, MemoryId, TenantId
from memos.kv.store import ArtefactStore
from memos.memories.textual.listing import list_all
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.prune import Moment, Pruned, PruneRules, count_reasons, plan
from memos.recall.use import ForgetUses, uncounted
from memos.types import MemoryStatus

_PAGE: Final = 250
_SAMPLE: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneReport:
    """What a pruning took, or would have taken.

    ``memories`` is how many were looked at, ``planned`` how many of them were to go by the ``rules``, for which
    ``reasons``, and ``pruned`` how many went. ``sample`` has the first few that were to go.
    """

    cube: CubeId
    rules: PruneRules
    memories: int
    planned: int
    pruned: int
    reasons: dict[str, int]
    sample: tuple[Pruned, ...]


class Pruner:
    """Prunes cubes of the tenant's stores. ``half_life_days`` is how fast importance fades until it is compared."""

    def __init__(
        self,
        stores: TextStores,
        artefacts: ArtefactStore,
        clock: Clock,
        *,
        half_life_days: float,
        forget_uses: ForgetUses = uncounted,
    ) -> None:
        self._stores = stores
        self._artefacts = artefacts
        self._clock = clock
        self._half_life_days = half_life_days
        self._forget_uses = forget_uses

    def prune(
        self, tenant: TenantId, cube: CubeId, rules: PruneRules, *, delete: bool = False, dry_run: bool = False
    ) -> PruneReport:
        """Archive what the rules do not let stay, or with ``delete`` remove it for good, the archived ones too.

        With ``dry_run`` nothing is changed. A call that broke off is completed by the next one.
        """
        moment = Moment(now_ms=self._clock.now_ms(), half_life_days=self._half_life_days)
        memories = list_all(self._stores.graph, tenant, cube, status=None if delete else MemoryStatus.ACTIVATED)
        doomed = plan(memories, rules, moment)
        return PruneReport(
            cube=cube,
            rules=rules,
            memories=len(memories),
            planned=len(doomed),
            pruned=0 if dry_run else self._apply(tenant, cube, doomed, delete=delete, now_ms=moment.now_ms),
            reasons=count_reasons(doomed),
            sample=tuple(doomed[:_SAMPLE]),
        )

    def _apply(self, tenant: TenantId, cube: CubeId, doomed: Sequence[Pruned], *, delete: bool, now_ms: int) -> int:
        total = 0
        for start in range(0, len(doomed), _PAGE):
            versions = {each.memory.id: each.memory.version for each in doomed[start : start + _PAGE]}
            if delete:
                total += self._delete(tenant, cube, versions)
            else:
                total += len(self._stores.graph.archive_memories(tenant, cube, versions, now_ms=now_ms))
        if not delete:
            TextWriter(self._stores, self._clock).index_lagging(tenant, cube)
        return total

    def _delete(self, tenant: TenantId, cube: CubeId, versions: dict[MemoryId, int]) -> int:
        found = self._stores.graph.find_memories(tenant, cube, list(versions))
        same = [each.id for each in found.values() if each.version == versions[each.id]]
        self._forget_uses(tenant, cube, same)
        self._stores.index.delete(tenant, cube, same)
        self._artefacts.delete_derived(tenant, cube, same)
        # The graph last: as long as it has a memory, a call after one that was killed deletes the rest as well.
        deleted = self._stores.graph.delete_memories(tenant, cube, same)
        self._artefacts.delete_derived(tenant, cube, same)  # what was built from them meanwhile
        return deleted
