"""What is deleted loses its use counts first, so that a call that failed can be repeated."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.kv.store import ArtefactStore
from memos.memories.textual.forgetting import Forgetter
from memos.memories.textual.pruning import Pruner
from memos.memories.textual.stores import TextStores
from memos.organize.prune import parse_rules
from memos.recall.use import ForgetUses
from tests.support.text import LANE, USER, open_twins, work, write

HERE = (LANE.tenant, LANE.cube)
Delete = Callable[[TextStores, ArtefactStore, ForgetUses], object]


def forget(stores: TextStores, artefacts: ArtefactStore, forget_uses: ForgetUses) -> object:
    return Forgetter(stores, artefacts, ManualClock(), forget_uses=forget_uses).forget(*HERE, USER)


def prune(stores: TextStores, artefacts: ArtefactStore, forget_uses: ForgetUses) -> object:
    pruner = Pruner(stores, artefacts, ManualClock(), half_life_days=10, forget_uses=forget_uses)
    return pruner.prune(*HERE, parse_rules(max_age_days=None, below_importance=0.9, keep=None), delete=True)


@pytest.fixture
def stores() -> TextStores:
    opened = open_twins()
    write(opened, work("j1", "Ana keeps two cats", "Ana plays the violin"))
    return opened


def ids(stores: TextStores) -> set[MemoryId]:
    return {memory.id for memory in stores.graph.list_memories(*HERE)}


@pytest.mark.parametrize("delete", [forget, prune])
def test_the_counts_of_exactly_what_goes_are_removed(stores: TextStores, tmp_path: Path, delete: Delete) -> None:
    known, asked = ids(stores), list[tuple[TenantId, CubeId, Sequence[MemoryId]]]()
    delete(stores, ArtefactStore(tmp_path), lambda *call: asked.append(call))
    ((tenant, cube, forgotten),) = asked
    assert (tenant, cube, set(forgotten), ids(stores)) == (*HERE, known, set())


@pytest.mark.parametrize("delete", [forget, prune])
def test_while_counts_cannot_be_removed_nothing_else_is(stores: TextStores, tmp_path: Path, delete: Delete) -> None:
    def away(tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        raise Unavailable("redis", "gone")

    known = ids(stores)
    with pytest.raises(Unavailable, match="gone"):
        delete(stores, ArtefactStore(tmp_path), away)
    assert (ids(stores), set(stores.index.list_ids(*HERE))) == (known, known)
