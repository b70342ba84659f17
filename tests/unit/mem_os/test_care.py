"""The life of memories as an application steers it: archived, restored, pinned, ended, judged."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import InvalidRequest, NotFound
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from memos.memories.textual.item import TextualMemoryItem
from memos.organize.feedback import Verdict
from memos.types import MemoryStatus
from tests.unit.mem_os.conftest import texts

pytestmark = pytest.mark.models

TEA = "I drink green tea."
TOMORROW = datetime(2999, 1, 1, 12, tzinfo=UTC)
AHEAD = timezone(timedelta(hours=1))
YESTERDAY = datetime(2001, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def tea(mos: MOS, ana: str) -> str:
    """The id of a memory of ``ana``'s."""
    return mos.add(memory_content=TEA, user_id=ana).memory_ids[0]


def tell(mos: MOS, user: str, text: str) -> str:
    """The id of what becomes of a text that was said on one day with all others."""
    added = mos.add([{"role": "user", "content": text, "chat_time": "2025-03-10"}], user_id=user)
    return added.memory_ids[0]


CHANGES: dict[str, Callable[[MOS, str, str], TextualMemoryItem]] = {
    "archive": lambda mos, user, memory: mos.archive(memory, user_id=user),
    "pin": lambda mos, user, memory: mos.pin(memory, user_id=user),
    "expire": lambda mos, user, memory: mos.expire(memory, TOMORROW, user_id=user),
    "feedback": lambda mos, user, memory: mos.feedback(memory, "useful", user_id=user),
}
SAME: dict[str, Callable[[MOS, str, str], TextualMemoryItem]] = {
    "restore": lambda mos, user, memory: mos.restore(memory, user_id=user),
    "pin": lambda mos, user, memory: mos.pin(memory, False, user_id=user),
    "expire": lambda mos, user, memory: mos.expire(memory, user_id=user),
}


@pytest.mark.parametrize("call", CHANGES.values(), ids=CHANGES)
def test_a_change_is_a_new_version_under_the_same_id_with_the_same_sources(
    mos: MOS, ana: str, tea: str, call: Callable[[MOS, str, str], TextualMemoryItem]
) -> None:
    changed = call(mos, ana, tea)
    assert (changed.id, changed.memory, changed.metadata.version) == (tea, TEA, 2)
    assert [source.content for source in changed.sources] == [TEA]
    assert mos.get(ana, tea, user_id=ana) == changed


@pytest.mark.parametrize("call", SAME.values(), ids=SAME)
def test_what_is_so_already_stays_as_it_is(
    mos: MOS, ana: str, tea: str, call: Callable[[MOS, str, str], TextualMemoryItem]
) -> None:
    before = mos.get(ana, tea, user_id=ana)
    assert call(mos, ana, tea) == before == mos.get(ana, tea, user_id=ana)


@pytest.mark.parametrize("call", [*CHANGES.values(), *SAME.values()])
def test_an_unknown_memory_is_not_found(mos: MOS, ana: str, call: Callable[[MOS, str, str], TextualMemoryItem]) -> None:
    with pytest.raises(NotFound, match="no-such"):
        call(mos, ana, "no-such")


def test_what_is_archived_is_found_again_when_it_is_restored(mos: MOS, ana: str, tea: str) -> None:
    assert mos.archive(tea, user_id=ana).metadata.status is MemoryStatus.ARCHIVED
    assert texts(mos.search("green tea", user_id=ana)) == texts(mos.get_all(user_id=ana)) == []
    assert mos.get(ana, tea, user_id=ana).memory == TEA
    assert mos.restore(tea, user_id=ana).metadata.status is MemoryStatus.ACTIVATED
    assert texts(mos.search("green tea", user_id=ana)) == [TEA]


def test_what_it_was_archived_for_does_not_take_a_restored_memory_again(mos: MOS, ana: str, tea: str) -> None:
    faded = {"status": "archived", "importance": 0.01, "importance_at": YESTERDAY, "expires_at": YESTERDAY}
    mos.update(ana, tea, {"metadata": faded}, user_id=ana)
    known = mos.restore(tea, user_id=ana).metadata
    assert (known.importance, known.expires_at) == (0.5, None)
    assert known.importance_at is not None
    assert known.importance_at > YESTERDAY


def test_a_restored_memory_keeps_an_end_to_come_and_a_higher_importance(mos: MOS, ana: str, tea: str) -> None:
    kept = {"status": "archived", "importance": 0.9, "expires_at": TOMORROW}
    mos.update(ana, tea, {"metadata": kept}, user_id=ana)
    known = mos.restore(tea, user_id=ana).metadata
    assert (known.importance, known.expires_at) == (0.9, TOMORROW)


def test_a_memory_that_is_let_go_of_fades_from_then_on(mos: MOS, ana: str, tea: str) -> None:
    mos.update(ana, tea, {"metadata": {"pinned": True, "importance": 0.7, "importance_at": YESTERDAY}}, user_id=ana)
    known = mos.pin(tea, False, user_id=ana).metadata
    assert (known.pinned, known.importance) == (False, 0.7)
    assert known.importance_at is not None
    assert known.importance_at > YESTERDAY


def test_an_end_is_in_utc_and_can_be_taken_away(mos: MOS, ana: str, tea: str) -> None:
    assert mos.expire(tea, TOMORROW.replace(tzinfo=None), user_id=ana).metadata.expires_at == TOMORROW
    assert mos.expire(tea, TOMORROW, user_id=ana).metadata.version == 2
    assert mos.expire(tea, None, user_id=ana).metadata.expires_at is None


@pytest.mark.parametrize("wrong", ["2999-01-01", 7, datetime.max, datetime.min.replace(tzinfo=AHEAD)])
def test_an_end_that_is_no_time_is_refused(mos: MOS, ana: str, tea: str, wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="at "):
        mos.expire(tea, wrong, user_id=ana)
    assert mos.get(ana, tea, user_id=ana).metadata.version == 1


def test_what_is_judged_wrong_is_ranked_behind_what_matches_as_well(mos: MOS, ana: str) -> None:
    alike = {tell(mos, ana, "Bea and Cid play the violin."), tell(mos, ana, "Cid and Bea play the violin.")}
    for other in ("I paint boats.", "My car is blue.", "I work as a baker.", "I moved to Porto."):
        tell(mos, ana, other)

    def order() -> list[str]:
        items = mos.search("Who plays the violin?", user_id=ana)["text_mem"][0]["memories"]
        return [item.id for item in items if item.id in alike]

    first, second = order()
    assert mos.feedback(first, "wrong", user_id=ana).metadata.importance == pytest.approx(0.05)
    assert mos.feedback(second, Verdict.USEFUL, user_id=ana).metadata.importance == pytest.approx(0.75)
    assert order() == [second, first]


@pytest.mark.parametrize("wrong", ["good", "", None, ["useful"]])
def test_an_unknown_verdict_is_refused_with_the_known_ones(mos: MOS, ana: str, tea: str, wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="useful, wrong"):
        mos.feedback(tea, wrong, user_id=ana)


def test_a_pin_is_true_or_false(mos: MOS, ana: str, tea: str) -> None:
    with pytest.raises(InvalidRequest, match="pinned"):
        mos.pin(tea, "yes", user_id=ana)  # type: ignore[arg-type]


def test_the_cube_may_be_named_and_may_be_an_object(mos: MOS, ana: str) -> None:
    config = GeneralMemCubeConfig(cube_id=f"{ana}-own", text_mem={"backend": "naive_text", "config": {}})  # type: ignore[arg-type]
    own = mos.register_mem_cube(GeneralMemCube(config), user_id=ana)
    (memory,) = mos.mem_cubes[own].text_mem.add(TEA)  # type: ignore[union-attr]
    assert mos.pin(memory, mem_cube_id=own, user_id=ana).metadata.pinned
    assert mos.feedback(memory, "wrong", mem_cube_id=own, user_id=ana).metadata.importance == pytest.approx(0.05)
    mos.archive(memory, mem_cube_id=own, user_id=ana)
    assert texts(mos.search("tea", user_id=ana, mem_cube_ids=[own])) == []
    mos.unregister_mem_cube(own, user_id=ana)


def test_a_cube_is_pruned_to_its_best_memories(mos: MOS, ana: str, tea: str) -> None:
    boat = mos.add(memory_content="I own a boat.", user_id=ana).memory_ids[0]
    mos.feedback(boat, "useful", user_id=ana)
    assert mos.prune(keep=1, dry_run=True, user_id=ana).planned == 1
    assert len(texts(mos.get_all(user_id=ana))) == 2
    report = mos.prune(keep=1, user_id=ana)
    assert (report.cube, report.pruned, [each.memory.id for each in report.sample]) == (ana, 1, [tea])
    assert [node.id for node in mos.get_all(user_id=ana)["text_mem"][0]["memories"]["nodes"]] == [boat]
    assert mos.prune(keep=1, delete=True, user_id=ana).pruned == 1
    with pytest.raises(NotFound):
        mos.get(ana, tea, user_id=ana)


def test_each_rule_of_a_pruning_is_heeded(mos: MOS, ana: str, tea: str) -> None:
    mos.feedback(tea, "wrong", user_id=ana)
    assert mos.prune(older_than_days=1, user_id=ana, dry_run=True).planned == 0
    assert mos.prune(older_than_days=1e-9, user_id=ana, dry_run=True).reasons["age"] == 1
    assert mos.prune(below_importance=0.04, user_id=ana, dry_run=True).planned == 0
    assert mos.prune(below_importance=0.06, user_id=ana, dry_run=True).reasons["importance"] == 1


def test_what_a_pruning_cannot_do_is_refused(mos: MOS, ana: str) -> None:
    with pytest.raises(InvalidRequest, match="what to prune"):
        mos.prune(user_id=ana)
    config = GeneralMemCubeConfig(cube_id=f"{ana}-own", text_mem={"backend": "naive_text", "config": {}})  # type: ignore[arg-type]
    own = mos.register_mem_cube(GeneralMemCube(config), user_id=ana)
    with pytest.raises(InvalidRequest, match="object of the application's own"):
        mos.prune(keep=1, mem_cube_id=own, user_id=ana)
    mos.unregister_mem_cube(own, user_id=ana)
