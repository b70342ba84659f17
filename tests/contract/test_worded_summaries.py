"""A model's words for a summary in every graph store: kept with what they rest on, and taken away with it."""

from dataclasses import replace

from memos.graph_dbs.base import GraphStore
from memos.ids import MemoryId, TenantId
from memos.organize.plan import Plan, build_plan
from memos.organize.surroundings import Near, Place, Surroundings
from memos.organize.told import MARK, Told, Wording, digest_children
from memos.types import EdgeType, Memory, MemoryStatus
from tests.contract.test_reorganising import CLAY, CUBE, NOW, fresh, known, nth, write

WORDS = "Ana makes bowls and cups."


def look(graph: GraphStore, tenant: TenantId) -> Surroundings:
    """All that is fresh, as if all memories stood at one cosine to each other."""
    listed = graph.list_fresh(tenant, CUBE, limit=100)
    everything = known(graph, tenant)
    return Surroundings(
        place=Place(tenant=tenant, cube=CUBE),
        fresh=tuple(listed),
        memories=everything,
        near=tuple(Near(one=one.id, other=other, cosine=0.8) for one in listed for other in everything),
        edges=tuple(graph.find_edges(tenant, CUBE, list(everything))),
        sources={},
    )


def say(graph: GraphStore, tenant: TenantId) -> Plan:
    """A plan in which a model words what the first two statements say."""
    around = look(graph, tenant)
    draft = build_plan(around, now_ms=NOW)
    (summary,) = (*draft.parents, *draft.refreshed)
    wording = Wording(
        text=WORDS,
        rests_on=(nth(tenant, 0), nth(tenant, 1)),
        model="m",
        shown=digest_children([around.memories[child] for child in summary.children]),
    )
    return build_plan(around, now_ms=NOW, told=Told(model="m", wordings={summary.memory.id: wording}))


def make(graph: GraphStore, tenant: TenantId) -> Memory:
    write(graph, tenant, *CLAY)
    made = say(graph, tenant)
    assert graph.apply_plan(tenant, CUBE, made)
    return known(graph, tenant)[made.parents[0].memory.id]


def sources(graph: GraphStore, tenant: TenantId, memory: MemoryId) -> list[str]:
    return [source.text for source in graph.find_sources(tenant, CUBE, [memory])[memory]]


def test_the_words_are_kept_with_what_they_rest_on(graph: GraphStore, tenant: TenantId) -> None:
    summary = make(graph, tenant)
    assert summary.text == WORDS
    assert (summary.info[MARK]["model"], summary.info[MARK]["rests_on"]) == ("m", [nth(tenant, 0), nth(tenant, 1)])
    assert sources(graph, tenant, summary.id) == list(CLAY[:2])
    edges = graph.find_edges(tenant, CUBE, [summary.id])
    assert sorted((edge.type, edge.target) for edge in edges) == sorted(
        (EdgeType.PARENT, nth(tenant, number)) for number in range(4)
    )


def test_a_plan_with_other_words_for_the_same_children_is_applied_by_nobody(
    graph: GraphStore, tenant: TenantId
) -> None:
    write(graph, tenant, *CLAY)
    first = say(graph, tenant)
    (told,) = first.parents
    second = replace(first, parents=(replace(told, memory=replace(told.memory, text="Ana makes things.")),))
    assert [graph.apply_plan(tenant, CUBE, each) for each in (first, second)] == [True, False]
    assert known(graph, tenant)[told.memory.id].text == WORDS


def test_they_stay_while_the_children_say_the_same_and_go_with_a_child(graph: GraphStore, tenant: TenantId) -> None:
    before = make(graph, tenant)
    graph.freshen(tenant, CUBE, [nth(tenant, 0)])
    assert build_plan(look(graph, tenant), now_ms=NOW).is_empty
    graph.delete_memories(tenant, CUBE, [nth(tenant, 3)])  # the words do not rest on it, but it was shown
    assert known(graph, tenant)[before.id].status is MemoryStatus.ARCHIVED
    assert graph.apply_plan(tenant, CUBE, build_plan(look(graph, tenant), now_ms=NOW))
    after = known(graph, tenant)[before.id]
    assert (after.status, after.text == WORDS, after.info) == (MemoryStatus.ACTIVATED, False, {})
    assert sources(graph, tenant, after.id) == list(CLAY[:3])


def test_what_waits_for_another_run_stays_fresh_and_is_not_made(graph: GraphStore, tenant: TenantId) -> None:
    write(graph, tenant, *CLAY)
    around = look(graph, tenant)
    (summary,) = build_plan(around, now_ms=NOW).parents
    waits = build_plan(around, now_ms=NOW, told=Told(postponed=frozenset({summary.memory.id})))
    assert graph.apply_plan(tenant, CUBE, waits)
    assert (fresh(graph, tenant), summary.memory.id in known(graph, tenant)) == (set(CLAY), False)
