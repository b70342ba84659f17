"""What a batch changes of earlier memories, with a judge that is scripted: found, asked, kept, replayed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from memos.errors import Unavailable
from memos.graph_dbs.base import JobWrite
from memos.ids import CubeId, JobId, MemoryId, MessageId, TenantId
from memos.llms.base import ChatMessages
from memos.mem_reader.base import Fact
from memos.memories.textual.answers import Answer, parse_answer
from memos.memories.textual.revising import Reviser, Told
from memos.memories.textual.stores import TextStores
from memos.organize.decisions import Action, Decision
from memos.organize.judge import Judge
from memos.organize.revise import NO_REVISION, Revised, revise
from memos.organize.surroundings import Place
from memos.types import Memory, MemoryType
from memos.vec_dbs.base import IndexRow
from tests.support.text import LANE, USER, WordEmbedder, open_twins

PLACE = Place(tenant=LANE.tenant, cube=LANE.cube)
Kept = Mapping[JobId, tuple[Decision, ...]]


class Replacing:
    """Says that every new memory replaces the first known one."""

    model = "scripted"

    def __init__(self) -> None:
        self.shown: list[list[str]] = []

    def generate(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None = None) -> str:
        asked = json.loads(messages[1]["content"])
        self.shown.append([each["text"] for each in (*asked["known"], *asked["new"])])
        found = [{"new": each["number"], "action": "replaces", "known": 1} for each in asked["new"]]
        return json.dumps({"decisions": found})

    def generate_stream(self, messages: ChatMessages) -> Iterator[str]:
        yield self.generate(messages)


class Keeper:
    """Remembers what was kept."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []

    def __call__(self, decided: Kept) -> None:
        self.kept.append(decided)


def said(name: str, text: str, at_ms: int = 0, **fields: Any) -> Memory:
    known = Memory(
        id=MemoryId(name),
        cube=LANE.cube,
        user=USER,
        session=LANE.session,
        text=text,
        speaker="Ana",
        said_at_ms=at_ms,
        source_ids=(MessageId(f"said-{name}"),),
    )
    return replace(known, **fields)


def keep(stores: TextStores, *memories: Memory, tenant: TenantId = LANE.tenant) -> None:
    """Write and index them."""
    write = JobWrite(job=JobId(f"of-{memories[0].id}"), user=USER, messages=(), memories=memories)
    stores.graph.apply_jobs(tenant, LANE.cube, LANE.session, [write], fence=None)
    vectors = stores.embedder.embed([memory.text for memory in memories])
    rows = zip(memories, vectors, strict=True)
    stores.index.upsert(tenant, [IndexRow(memory=memory, vector=vector) for memory, vector in rows])


def told(job: str, *memories: Memory, decisions: tuple[Decision, ...] | None = None) -> Told:
    return Told(job=JobId(job), memories=memories, decisions=decisions)


def edges(revised: Sequence[Revised]) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.type.value, edge.target) for each in revised for edge in each.revision.edges]


FRIDAY = said("friday", "the violin lesson is on friday")
MONDAY = said("monday", "the violin lesson is on monday", 5)
CELLO = said("cello", "the cello lesson is on monday", 7)
REPLACED = Decision(new=MONDAY.id, action=Action.REPLACES, known=FRIDAY.id)


@pytest.fixture
def stores() -> TextStores:
    found = open_twins(WordEmbedder())
    keep(found, FRIDAY)
    return found


def test_what_is_near_is_judged_and_kept_before_it_is_followed(stores: TextStores) -> None:
    llm, keeper = Replacing(), Keeper()
    jobs = [told("j1", MONDAY), told("j2", said("tea", "i like tea", 6))]
    revised = Reviser(stores).revise(PLACE, jobs, Judge(llm), keeper)
    assert llm.shown == [[FRIDAY.text, MONDAY.text, "i like tea"]]
    tea = Decision(new=MemoryId("tea"), action=Action.REPLACES, known=FRIDAY.id)
    assert keeper.kept == [{"j1": (REPLACED,), "j2": (tea,)}]
    assert edges(revised) == [("monday", "SUPERSEDES", "friday")]


def test_a_keeper_that_fails_leaves_nothing_to_follow(stores: TextStores) -> None:
    def refuse(decided: Kept) -> None:
        raise Unavailable("redis", "away")

    with pytest.raises(Unavailable):
        Reviser(stores).revise(PLACE, [told("j1", MONDAY)], Judge(Replacing()), refuse)


@pytest.mark.parametrize("is_asked", [True, False])
def test_what_was_kept_is_followed_without_asking_again(stores: TextStores, is_asked: bool) -> None:
    llm, keeper = Replacing(), Keeper()
    judge = Judge(llm) if is_asked else None
    revised = Reviser(stores).revise(PLACE, [told("j1", MONDAY, decisions=(REPLACED,))], judge, keeper)
    assert (edges(revised), llm.shown, keeper.kept) == ([("monday", "SUPERSEDES", "friday")], [], [])


def test_what_the_rules_know_is_not_known_twice(stores: TextStores) -> None:
    home, moved = said("home", "I live in Rome."), said("moved", "I moved to Turin.", 5)
    keep(stores, home)
    decision = Decision(new=moved.id, action=Action.REPLACES, known=home.id)
    revised = Reviser(stores).revise(PLACE, [told("j1", moved, decisions=(decision,))], None, Keeper())
    assert edges(revised) == [("moved", "SUPERSEDES", "home")]


def test_what_was_decided_upon_may_be_gone(stores: TextStores) -> None:
    stores.graph.delete_memories(LANE.tenant, LANE.cube, [FRIDAY.id])
    revised = Reviser(stores).revise(PLACE, [told("j1", MONDAY, decisions=(REPLACED,))], None, Keeper())
    assert revised == [Revised(memories=(MONDAY,), revision=NO_REVISION)]


def test_only_jobs_that_were_not_judged_are_asked_about(stores: TextStores) -> None:
    llm, keeper = Replacing(), Keeper()
    jobs = [told("j1", MONDAY, decisions=(REPLACED,)), told("j2", CELLO)]
    revised = Reviser(stores).revise(PLACE, jobs, Judge(llm), keeper)
    assert llm.shown == [[FRIDAY.text, MONDAY.text, CELLO.text]]
    assert [list(kept) for kept in keeper.kept] == [["j2"]]
    assert edges(revised) == [("monday", "SUPERSEDES", "friday")]


def test_without_a_judge_the_rules_decide_and_nothing_is_embedded() -> None:
    embedder = WordEmbedder()
    stores = open_twins(embedder)
    home, moved = said("home", "I live in Rome."), said("moved", "I moved to Turin.", 5)
    keep(stores, home, FRIDAY)
    jobs = [told("j1", moved, MONDAY)]
    assert Reviser(stores).revise(PLACE, jobs, None, Keeper()) == revise([jobs[0].memories], [home])
    assert edges(Reviser(stores).revise(PLACE, jobs, None, Keeper())) == [("moved", "SUPERSEDES", "home")]
    assert embedder.batches == [2]


def test_what_the_rules_decide_is_neither_embedded_nor_asked(stores: TextStores) -> None:
    llm, keeper, embedder = Replacing(), Keeper(), WordEmbedder()
    known = replace(stores, embedder=embedder)
    revised = Reviser(known).revise(PLACE, [told("j1", said("again", FRIDAY.text, 9))], Judge(llm), keeper)
    assert [each.memory for one in revised for each in one.revision.reinforced] == ["friday"]
    assert (embedder.batches, llm.shown, keeper.kept) == ([], [], [])


def test_a_document_is_written_as_it_is(stores: TextStores) -> None:
    passage = replace(MONDAY, memory_type=MemoryType.OUTER)
    revised = Reviser(stores).revise(PLACE, [told("j1", passage)], Judge(Replacing()), Keeper())
    assert revised == [Revised(memories=(passage,), revision=NO_REVISION)]


def test_other_tenants_and_cubes_play_no_part() -> None:
    stores, llm = open_twins(), Replacing()
    keep(stores, FRIDAY, tenant=TenantId("other"))
    elsewhere = Place(tenant=LANE.tenant, cube=CubeId("elsewhere"))
    for place, decisions in ((PLACE, None), (PLACE, (REPLACED,)), (elsewhere, (REPLACED,))):
        revised = Reviser(stores).revise(place, [told("j1", MONDAY, decisions=decisions)], Judge(llm), Keeper())
        assert revised == [Revised(memories=(MONDAY,), revision=NO_REVISION)]
    assert llm.shown == []


def test_a_memory_that_is_written_already_is_not_its_own_neighbour(stores: TextStores) -> None:
    keep(stores, MONDAY, CELLO)
    llm = Replacing()
    again = said("again", FRIDAY.text, 3)
    Reviser(stores).revise(PLACE, [told("j1", MONDAY, CELLO, again)], Judge(llm), Keeper())
    assert llm.shown == [[FRIDAY.text, MONDAY.text, CELLO.text]]


def test_an_answer_is_stored_in_either_age_and_comes_back() -> None:
    fact = Fact(text="Ana plays.", evidence=(0,))
    answer = Answer(facts=(fact,), decisions=(REPLACED,))
    assert parse_answer(answer.model_dump_json()) == answer
    assert parse_answer(Answer(facts=(fact,)).model_dump_json()).decisions is None
    assert parse_answer(f" [{fact.model_dump_json()}]") == Answer(facts=(fact,))
    with pytest.raises(ValidationError):
        parse_answer('{"facts": [], "code": ""}')
