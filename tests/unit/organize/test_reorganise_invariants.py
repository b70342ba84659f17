"""Whatever is written, changed, archived, deleted and reorganised, in any order: what always holds of summaries."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from memos.ids import MemoryId
from memos.organize.summaries import MAX_CHILDREN
from memos.organize.surroundings import is_summary, statement_of
from memos.types import EdgeType, Memory, MemoryStatus
from tests.unit.organize.test_reorganise import PLACE, Bench

ACTS = st.lists(
    st.tuples(st.sampled_from(["write", "change", "archive", "restore", "delete", "merge", "run"]), st.integers(0, 9)),
    max_size=25,
)


def told(number: int, filler: str = "") -> str:
    """Long enough for a word of filler to leave the embedding where it was."""
    return f"I {filler}make pot{number} of clay in the yard behind my house by the old mill where water runs all year"


def act(bench: Bench, kind: str, number: int) -> None:
    if kind == "write":
        bench.write(f"job {number}", told(number), f"I sell pot{number} of clay in town")
    elif kind == "merge":
        bench.write(f"again {number}", told(number, "really "))
    elif kind == "run":
        bench.run()
    else:
        change(bench, kind, number)


def change(bench: Bench, kind: str, number: int) -> None:
    """Do something to one of the memories that are there, if there are any."""
    memories = [memory for memory in bench.memories(None) if not is_summary(memory)]
    if not memories:
        return
    chosen = memories[number % len(memories)]
    if kind == "delete":
        bench.graph.delete_memories(*bench.place, [chosen.id])
        bench.index.delete(*bench.place, [chosen.id])
        return
    changes = {
        "change": {"text": f"Ana said: I changed pot{number} of clay"},
        "archive": {"status": MemoryStatus.ARCHIVED},
        "restore": {"status": MemoryStatus.ACTIVATED},
    }[kind]
    bench.graph.update_memory(PLACE.tenant, replace(chosen, **changes))


@settings(max_examples=60, deadline=None)
@given(ACTS)
def test_summaries_say_what_their_memories_say_and_nothing_is_lost(acts: list[tuple[str, int]]) -> None:
    bench = Bench()
    for kind, number in acts:
        before = {memory.id for memory in bench.memories(None) if not is_summary(memory)}
        act(bench, kind, number)
        if kind == "run":
            assert before <= {memory.id for memory in bench.memories(None)}
    while bench.run().report["fresh"]:
        pass
    check(bench)


def check(bench: Bench) -> None:
    known: dict[MemoryId, Memory] = {memory.id: memory for memory in bench.memories(None)}
    edges = bench.graph.find_edges(*bench.place, list(known))
    parents = [edge for edge in edges if edge.type is EdgeType.PARENT]
    assert max(Counter(edge.target for edge in parents).values(), default=1) == 1
    for summary in bench.summaries:
        children = [known[edge.target] for edge in parents if edge.source == summary.id]
        assert 2 <= len(children) <= MAX_CHILDREN
        assert all(child.status is MemoryStatus.ACTIVATED for child in children)
        shown = [child for child in children if statement_of(child) in summary.text]
        assert len(shown) == min(3, len(children))
        assert set(summary.source_ids) == {source for child in children for source in child.source_ids}
    merged = {edge.source: edge.target for edge in edges if edge.type is EdgeType.MERGED_TO}
    assert merged.keys().isdisjoint(merged.values())
    assert set(bench.found("clay")) == {memory.id for memory in bench.memories()}
