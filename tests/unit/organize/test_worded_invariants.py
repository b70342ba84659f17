"""Whatever happens, with a model or without, in large or small budgets: what always holds of a summary's words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from memos.ids import MemoryId
from memos.organize.told import MARK, find_author
from memos.types import EdgeType, Memory, MemoryStatus
from tests.unit.organize.test_reorganise import Bench
from tests.unit.organize.test_reorganise_invariants import act
from tests.unit.organize.test_teller import Obliging, run

TOKENS = st.sampled_from([1_500, 3_000, 4_000, 50_000])
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["write", "change", "archive", "restore", "delete", "merge", "run", "ask", "ask"]),
        st.integers(0, 9),
        TOKENS,
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(ACTS, TOKENS)
def test_every_run_gets_on_and_no_words_outlive_what_they_rest_on(acts: list[tuple[str, int, int]], last: int) -> None:
    bench = Bench()
    for number in range(6):
        act(bench, "write", number)
    for number, (kind, chosen, tokens) in enumerate(acts):
        if kind == "ask":
            run(bench, Obliging(f"Ana makes pots, as told in words of time {'a' * number}."), tokens=tokens)
        else:
            act(bench, kind, chosen)
    while run(bench, Obliging(), tokens=last).left:
        pass
    assert bench.graph.list_fresh(*bench.place, limit=1) == []
    check(bench)


def check(bench: Bench) -> None:
    known: dict[MemoryId, Memory] = {memory.id: memory for memory in bench.memories(None)}
    parents = [edge for edge in bench.graph.find_edges(*bench.place, list(known)) if edge.type is EdgeType.PARENT]
    for summary in bench.summaries:
        children = {edge.target for edge in parents if edge.source == summary.id}
        assert all(known[child].status is MemoryStatus.ACTIVATED for child in children)
        if find_author(summary) is None:
            assert summary.text.startswith("Ana about ")
            continue
        resting = set(summary.info[MARK]["rests_on"])
        assert (len(resting), resting <= children) == (2, True)
        assert set(summary.source_ids) == {source for child in resting for source in known[MemoryId(child)].source_ids}
