"""What waits for another run: summaries that the next plan will find again, and nothing else."""

from dataclasses import replace

from memos.ids import MemoryId
from memos.organize.plan import Plan, build_plan
from memos.organize.surroundings import Surroundings
from memos.organize.told import Told
from memos.types import Edge, EdgeType, Memory
from tests.unit.organize.around import T0, around, memory

NOW = T0 + 10**10
FOUR = [memory(number, f"I make {thing}.", key="pottery") for number, thing in enumerate(("a", "b", "c", "d"), 1)]


def made_of(*children: Memory) -> tuple[Memory, list[Edge]]:
    (summary,) = build_plan(around(*children), now_ms=NOW).parents
    parent = summary.memory
    return parent, [Edge(source=parent.id, target=child, type=EdgeType.PARENT) for child in summary.children]


def postpone(found: Surroundings, *summaries: MemoryId, waiting: frozenset[MemoryId] = frozenset()) -> Plan:
    return build_plan(found, now_ms=NOW, told=Told(postponed=frozenset(summaries), waiting=waiting))


def test_a_new_summary_that_waits_leaves_its_fresh_memories_fresh() -> None:
    parent, _ = made_of(*FOUR)
    other = memory(9, "I like tea.")
    plan = postpone(around(*FOUR, other, fresh=[FOUR[3], other]), parent.id)
    assert (plan.parents, plan.seen, plan.edges) == ((), (other.id,), ())
    assert plan.rests_on.keys() == {FOUR[3].id, other.id}


def test_a_summary_that_waits_stays_as_it_is_and_what_touched_it_stays_fresh() -> None:
    parent, edges = made_of(*FOUR)
    changed = replace(FOUR[0], text="Ana said: I make z.", version=2)
    found = around(changed, *FOUR[1:], parent, fresh=[changed], edges=edges)
    assert len(postpone(found).refreshed) == 1
    plan = postpone(found, parent.id)
    assert (plan.is_empty, plan.seen) == (True, ())


def test_a_summary_that_nothing_fresh_would_lead_back_to_does_not_wait() -> None:
    parent, edges = made_of(*FOUR)
    again = replace(FOUR[0], id=MemoryId("m9"), source_ids=memory(9, "").source_ids, created_at_ms=NOW)
    found = around(*FOUR, again, parent, fresh=[again], cosine=0.99, edges=edges)
    plan = postpone(found, parent.id)
    assert [merge.kept.id for merge in plan.merges] == [FOUR[0].id]
    assert ([each.memory.id for each in plan.refreshed], plan.seen) == ([parent.id], (again.id,))


def test_a_memory_that_waits_is_merged_and_related_all_the_same() -> None:
    again = replace(FOUR[0], id=MemoryId("m9"), created_at_ms=NOW)
    plan = postpone(around(FOUR[0], again, cosine=0.99), waiting=frozenset({FOUR[0].id}))
    assert (len(plan.merges), plan.seen) == (1, (again.id,))
