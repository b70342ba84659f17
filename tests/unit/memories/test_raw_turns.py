"""Raw turns are found before a model has read them; facts refine them; ids stay, whatever fails in between."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from memos.clock import ManualClock
from memos.errors import Fenced, Unavailable
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import JobId, MemoryId, TenantId
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.rules import RulesReader
from memos.memories.textual.history import find_chain
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import KeepAnswers, TextWriter
from memos.organize.provisional import PROVISIONAL_CONFIDENCE, is_provisional, raw_job
from memos.types import Edge, EdgeType, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, WordEmbedder, forget, open_twins, work

J1 = JobId("j1")
TEA, HELLO = "I like tea with milk.", "Hello there!"
Read = Callable[[str], Sequence[str]]


def third_person(text: str) -> list[str]:
    """What a model makes of one sentence."""
    return [text.replace("I like", "Ana likes").replace("I live", "Ana lives").replace("I moved", "Ana moved")]


@dataclass
class Model:
    """A reader that asks a model: each message becomes what ``read`` says, unless it is ``away``."""

    read_one: Read = third_person
    away: bool = False
    released: Event | None = None
    reached: Event = field(default_factory=Event)
    asked: list[int] = field(default_factory=list)
    keeps_answers: bool = True
    llm: None = None

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        self.asked.append(len(conversations))
        self.reached.set()
        if self.released is not None and not self.released.wait(timeout=30):
            raise Unavailable("llm", "silent")
        if self.away:
            raise Unavailable("llm", "gone")
        return [
            [
                Fact(text=text, evidence=(place,), speaker="Ana")
                for place, message in enumerate(each.messages)
                for text in self.read_one(message.text)
            ]
            for each in conversations
        ]


def write(
    stores: TextStores,
    *jobs: WriteJob,
    reader: Any,
    fence: int | None = None,
    keep: KeepAnswers = forget,
) -> dict[JobId, list[MemoryId]]:
    return TextWriter(stores, ManualClock()).write(LANE, jobs, reader, fence=fence, keep=keep)


def wait_in_vain(stores: TextStores, *jobs: WriteJob) -> None:
    """An attempt while the model is away."""
    with pytest.raises(Unavailable, match="llm"):
        write(stores, *jobs, reader=Model(away=True))


def kept(stores: TextStores, status: MemoryStatus | None = MemoryStatus.ACTIVATED) -> list[Memory]:
    return stores.graph.list_memories(LANE.tenant, LANE.cube, status=status)


def texts(stores: TextStores) -> list[str]:
    return sorted(memory.text for memory in kept(stores))


def said(stores: TextStores) -> list[str]:
    turns = stores.graph.list_messages(LANE.tenant, LANE.cube, LANE.session, limit=100)
    return [message.text for _, message in turns]


def found(stores: TextStores, text: str, tenant: TenantId = LANE.tenant) -> list[MemoryId]:
    where = IndexFilter(cubes=(LANE.cube,))
    return [hit.memory_id for hit in stores.index.search_text(tenant, text, where, limit=10, timeout_s=5)]


def edges(stores: TextStores) -> set[Edge]:
    return set(stores.graph.find_edges(LANE.tenant, LANE.cube, [memory.id for memory in kept(stores, None)]))


class TestBeforeTheModelAnswers:
    def test_what_was_said_is_found_while_the_model_is_silent(self) -> None:
        stores, released = open_twins(), Event()
        model = Model(lambda text: third_person(text) if text == TEA else [], released=released)
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write, stores, work("j1", TEA, HELLO), reader=model)
            try:
                assert model.reached.wait(timeout=30)
                (raw,) = kept(stores)
                assert found(stores, "tea") == [raw.id]
                assert found(stores, "tea", TenantId("other")) == []
                assert (said(stores), writing.done()) == ([TEA, HELLO], False)
            finally:
                released.set()
            assert writing.result() == {J1: [raw.id]}
        assert (found(stores, "tea"), texts(stores)) == ([raw.id], ["Ana likes tea with milk."])

    def test_what_is_found_says_that_it_is_raw(self) -> None:
        stores = open_twins()
        wait_in_vain(stores, work("j1", TEA))
        (raw,) = kept(stores)
        assert (raw.text, raw.confidence) == ("Ana said: I like tea with milk.", PROVISIONAL_CONFIDENCE)
        assert is_provisional(raw)
        (source,) = stores.graph.find_sources(LANE.tenant, LANE.cube, [raw.id])[raw.id]
        assert source.text == TEA

    def test_it_neither_ends_nor_repeats_what_is_known(self) -> None:
        stores = open_twins()
        write(stores, work("j1", "I live in Rome.", TEA), reader=RulesReader())
        known = kept(stores)
        wait_in_vain(stores, work("j2", "I moved to Turin.", TEA))
        assert [memory for memory in kept(stores) if not is_provisional(memory)] == known
        assert (edges(stores), len(kept(stores))) == (set(), 4)

    def test_a_stale_holder_writes_no_raw_turns(self) -> None:
        stores, model = open_twins(), Model()
        write(stores, work("j2", TEA), reader=RulesReader(), fence=7)
        with pytest.raises(Fenced):
            write(stores, work("j1", "I like boats."), reader=model, fence=6)
        assert (len(kept(stores)), model.asked) == (1, [])

    def test_a_job_that_nobody_can_repeat_is_written_as_a_whole_or_not_at_all(self) -> None:
        stores = open_twins()
        once = replace(work("j1", TEA), repeatable=False)
        wait_in_vain(stores, once)
        assert (kept(stores, None), said(stores)) == ([], [])
        write(stores, once, reader=Model())
        assert (texts(stores), said(stores)) == (["Ana likes tea with milk."], [TEA])

    def test_a_reader_without_a_model_writes_in_one_pass(self) -> None:
        embedder = WordEmbedder()
        stores = open_twins(embedder)
        write(stores, work("j1", TEA), reader=RulesReader())
        assert embedder.batches == [1]
        assert stores.graph.find_applied(LANE.tenant, LANE.cube, [raw_job(J1)]) == {}

    def test_an_answer_that_is_stored_already_needs_no_raw_turns(self) -> None:
        stores = open_twins()
        write(stores, work("j1", TEA, answer="[]"), reader=Model())
        assert (kept(stores, None), said(stores)) == ([], [TEA])


class TestRefined:
    def test_the_fact_takes_over_the_id_and_is_found_by_its_own_words(self) -> None:
        stores = open_twins()
        wait_in_vain(stores, work("j1", TEA))
        (raw,) = kept(stores)
        written = write(stores, work("j1", TEA), reader=Model(lambda _: ["Ana adores oolong."]))
        (memory,) = kept(stores, None)
        assert written == {J1: [raw.id]}
        assert (memory.id, memory.text, memory.version, memory.confidence) == (raw.id, "Ana adores oolong.", 2, 1.0)
        assert not is_provisional(memory)
        assert (found(stores, "oolong"), found(stores, "tea")) == ([raw.id], [raw.id])  # the message is its context
        assert stores.graph.list_lagging(LANE.tenant, LANE.cube, limit=1) == []

    def test_what_no_fact_confirms_is_archived_and_leads_on(self) -> None:
        stores = open_twins()
        wait_in_vain(stores, work("j1", "I like tea. I like boats."))
        tea, boats = sorted(kept(stores), key=lambda memory: "boats" in memory.text)
        write(stores, work("j1", "I like tea. I like boats."), reader=Model(lambda _: ["Ana likes boats."]))
        assert [memory.id for memory in kept(stores)] == [boats.id]
        assert [memory.id for memory in kept(stores, MemoryStatus.ARCHIVED)] == [tea.id]
        assert edges(stores) == {Edge(source=tea.id, target=boats.id, type=EdgeType.MERGED_TO)}
        assert found(stores, "likes") == [boats.id]

    def test_without_any_fact_all_of_it_is_archived_and_the_messages_stay(self) -> None:
        stores = open_twins()
        assert write(stores, work("j1", TEA), reader=Model(lambda _: [])) == {J1: []}
        assert ([memory.status for memory in kept(stores, None)], said(stores)) == ([MemoryStatus.ARCHIVED], [TEA])
        assert found(stores, "tea") == []

    def test_facts_are_revised_as_they_would_have_been_without_raw_turns(self) -> None:
        stores = open_twins()
        first = write(stores, work("j1", "I live in Rome."), reader=Model())
        second = write(stores, work("j2", "I moved to Turin."), reader=Model())
        (rome,), (turin,) = first[J1], second[JobId("j2")]
        assert edges(stores) == {Edge(source=turin, target=rome, type=EdgeType.SUPERSEDES)}
        memories = {memory.id: memory for memory in kept(stores)}
        assert (memories[rome].invalid_at_ms is None, memories[turin].invalid_at_ms) == (False, None)

    def test_what_was_known_is_named_when_it_is_said_again_and_the_raw_turn_leads_there(self) -> None:
        stores = open_twins()
        (tea,) = write(stores, work("j1", TEA), reader=Model())[J1]
        assert write(stores, work("j2", TEA), reader=Model()) == {JobId("j2"): [tea]}
        (raw,) = kept(stores, MemoryStatus.ARCHIVED)
        assert find_chain(stores.graph, LANE.tenant, LANE.cube, raw.id)[-1] == tea
        (memory,) = kept(stores)
        assert len(memory.source_ids) == 2

    def test_an_edit_and_a_deletion_of_a_raw_turn_hold(self) -> None:
        stores, job = open_twins(), work("j1", TEA, "I like boats.", "I like Rome.")
        wait_in_vain(stores, job)
        by_source = {memory.source_ids[0]: memory for memory in kept(stores)}
        tea, boats = by_source[job.messages[0].id], by_source[job.messages[1].id]
        stores.graph.update_memory(LANE.tenant, replace(tea, text="I like coffee."))
        stores.graph.delete_memories(LANE.tenant, LANE.cube, [boats.id])
        written = write(stores, job, reader=Model())
        assert texts(stores) == ["Ana likes Rome.", "I like coffee."]
        assert {memory.id for memory in kept(stores, None)} == set(written[J1])
        assert not any(is_provisional(memory) for memory in kept(stores))

    def test_rules_may_do_what_the_model_could_not(self) -> None:
        stores = open_twins()
        wait_in_vain(stores, work("j1", TEA))
        (raw,) = kept(stores)
        assert write(stores, work("j1", TEA), reader=RulesReader()) == {J1: [raw.id]}
        (memory,) = kept(stores, None)
        assert (memory.text, memory.tags, memory.confidence) == (raw.text, (), 1.0)
        assert said(stores) == [TEA]

    def test_several_jobs_share_each_of_the_two_batches(self) -> None:
        embedder, model = WordEmbedder(), Model()
        stores = open_twins(embedder)
        written = write(stores, work("j1", TEA), work("j2", "I like boats."), reader=model)
        assert (embedder.batches, model.asked) == ([2, 2], [2])
        assert sorted(each for ids in written.values() for each in ids) == sorted(each.id for each in kept(stores))

    def test_a_job_run_again_does_nothing_and_names_the_same_memories(self) -> None:
        stores, model = open_twins(), Model(lambda text: [*third_person(text), "Ana has a kettle."])
        first = write(stores, work("j1", TEA), reader=model)
        before = kept(stores, None)
        assert write(stores, work("j1", TEA), reader=model) == first
        assert (kept(stores, None), model.asked, len(first[J1])) == (before, [1], 2)


@dataclass
class Fuse:
    """Blows at the n-th step that passes it, once."""

    left: int

    def pass_step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Unavailable("test", "the fuse has blown")


class FusedGraph(MemoryGraph):
    """A graph whose writes may be lost before they take effect, or their replies after it."""

    fuse = Fuse(0)

    def apply_jobs(self, *args: Any, **options: Any) -> None:
        self.fuse.pass_step()
        super().apply_jobs(*args, **options)
        self.fuse.pass_step()

    def mark_indexed(self, *args: Any, **options: Any) -> None:
        self.fuse.pass_step()
        super().mark_indexed(*args, **options)


class FusedIndex(MemoryIndex):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def upsert(self, *args: Any, **options: Any) -> None:
        self._fuse.pass_step()
        super().upsert(*args, **options)


@dataclass
class FusedModel(Model):
    fuse: Fuse = field(default_factory=lambda: Fuse(0))

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        self.fuse.pass_step()
        return super().read(conversations)


def run(story: Sequence[str], blows_at: int) -> tuple[TextStores, list[list[MemoryId]], bool]:
    """Tell each text in a job, attempted until it succeeds; the stores, the ids, and whether anything failed."""
    fuse, graph = Fuse(blows_at), FusedGraph()
    graph.fuse = fuse
    stores = TextStores(graph=graph, index=FusedIndex(fuse), embedder=WordEmbedder())
    stores.ensure()
    model, answers = FusedModel(fuse=fuse, read_one=lambda text: third_person(text)[: len(text) % 3]), {}

    def keep(found: Mapping[JobId, str]) -> None:
        fuse.pass_step()
        answers.update(found)
        fuse.pass_step()

    failed, named = False, list[list[MemoryId]]()
    for place, text in enumerate(story):
        job = JobId(f"j{place}")
        for _ in range(2):
            try:
                again = replace(work(job, text), answer=answers.get(job))
                named.append(write(stores, again, reader=model, fence=1, keep=keep)[job])
                break
            except Unavailable:
                failed = True
    return stores, named, failed


SAYINGS = ("I live in Rome.", "I moved to Turin.", "I like tea. I like boats.", "I like tea.", "Hello!")
STEPS_OF_A_JOB = 11


@given(story=st.lists(st.sampled_from(SAYINGS), min_size=1, max_size=4), blows_at=st.integers(1, 4 * STEPS_OF_A_JOB))
@examples(deadline=None, max_examples=80)
def test_wherever_an_attempt_fails_the_next_one_leaves_what_there_would_have_been(
    story: list[str], blows_at: int
) -> None:
    expected, named, _ = run(story, 0)
    stores, again, _ = run(story, blows_at)
    assert again == named
    assert (said(stores), edges(stores)) == (said(expected), edges(expected))
    after = {replace(memory, source_ids=()) for memory in map(_plain, kept(stores, None))}
    assert after == {replace(memory, source_ids=()) for memory in map(_plain, kept(expected, None))}
    for memory in kept(stores, None):
        rests = stores.graph.find_sources(LANE.tenant, LANE.cube, [memory.id])
        assert rests == expected.graph.find_sources(LANE.tenant, LANE.cube, [memory.id])
    assert all(memory.indexed_version == memory.version for memory in kept(stores, None))
    assert set(found(stores, "tea boats Rome Turin")) == set(found(expected, "tea boats Rome Turin"))


def test_the_steps_that_may_fail_are_all_there() -> None:
    failures = [run(["I like tea. I like boats."], step)[2] for step in range(1, 20)]
    assert failures.count(True) == STEPS_OF_A_JOB


def _plain(memory: Memory) -> Memory:
    """Values that can be put in a set."""
    return replace(memory, info=())
