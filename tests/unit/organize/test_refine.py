"""Which fact takes over which provisional memory, and what becomes of the others."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, UserId
from memos.organize.provisional import PROVISIONAL_TAG, is_provisional, provisional, raw_job
from memos.organize.refine import Provisional, find_leftover, refine
from memos.organize.revise import NO_REVISION, Reinforcement, Revised, Revision, subject_of
from memos.organize.surroundings import is_plain
from memos.types import Edge, EdgeType, Memory, MemoryStatus

NOW_MS = 9_000


def a_fact(name: str, text: str, *messages: str) -> Memory:
    return Memory(
        id=MemoryId(name),
        cube=CubeId("cube"),
        user=UserId("ana"),
        session=SessionId("session"),
        text=text,
        speaker="Ana",
        created_at_ms=NOW_MS,
        source_ids=tuple(MessageId(each) for each in messages or ("m1",)),
    )


def a_draft(name: str, text: str, *messages: str) -> Memory:
    return replace(provisional(a_fact(name, text, *messages)), created_at_ms=1_000)


def standing(*drafts: Memory) -> list[Provisional]:
    """As they were written."""
    return [Provisional(draft=draft, stored=draft) for draft in drafts]


def refined(facts: Sequence[Memory], provisional: Sequence[Provisional]) -> dict[MemoryId, str]:
    return {memory.id: memory.text for memory in refine(facts, provisional, now_ms=NOW_MS)}


def revised(*memories: Memory, revision: Revision = NO_REVISION) -> Revised:
    return Revised(memories=memories, revision=revision)


TEA = a_draft("raw-tea", "Ana said: I like tea.")
ROME = a_draft("raw-rome", "Ana said: I live in Rome.")


def test_a_fact_takes_over_the_id_and_the_creation_of_what_rests_on_the_same_message() -> None:
    fact = a_fact("fact", "Ana likes tea.")
    (memory,) = refine([fact], standing(TEA), now_ms=NOW_MS)
    expected = replace(fact, id=TEA.id, created_at_ms=1_000, version=2)
    assert memory == expected
    assert not is_provisional(memory)


def test_of_several_the_one_nearest_in_words_is_taken_over_whatever_the_order() -> None:
    facts = [a_fact("f0", "Ana likes tea."), a_fact("f1", "Ana lives in Rome.")]
    expected = {"raw-tea": "Ana likes tea.", "raw-rome": "Ana lives in Rome."}
    assert refined(facts, standing(ROME, TEA)) == refined(facts[::-1], standing(TEA, ROME)) == expected


def test_a_fact_in_another_language_takes_over_all_the_same() -> None:
    assert refined([a_fact("f0", "Ana trinkt gern Tee.")], standing(TEA)) == {"raw-tea": "Ana trinkt gern Tee."}


def test_a_fact_of_another_message_is_a_memory_of_its_own() -> None:
    assert refined([a_fact("f0", "Ana likes tea.", "m2")], standing(TEA)) == {"f0": "Ana likes tea."}


def test_one_that_is_taken_over_stays_as_users_have_made_it() -> None:
    made = {"pinned": True, "importance": 0.9, "importance_at_ms": 5, "expires_at_ms": 99, "indexed_version": 2}
    stored = replace(
        TEA, version=3, tags=(PROVISIONAL_TAG, "drinks"), info={"n": 1}, status=MemoryStatus.ARCHIVED, **made
    )
    fact = replace(a_fact("f0", "Ana likes tea."), tags=("food", "drinks"), info={"m": 2})
    (memory,) = refine([fact], [Provisional(draft=TEA, stored=stored)], now_ms=NOW_MS)
    assert {name: getattr(memory, name) for name in made} == made
    assert (memory.tags, memory.info, memory.status) == (("food", "drinks"), {"n": 1, "m": 2}, MemoryStatus.ARCHIVED)
    assert memory.version == 4


def test_an_edit_holds_in_the_place_of_the_fact_and_is_final() -> None:
    edited = replace(TEA, text="I like coffee.", version=2)
    (memory,) = refine([a_fact("f0", "Ana likes tea.")], [Provisional(draft=TEA, stored=edited)], now_ms=NOW_MS)
    assert memory == replace(edited, tags=(), confidence=1.0, updated_at_ms=NOW_MS, version=3)


def test_what_somebody_has_called_final_is_left_as_it_is() -> None:
    found = [Provisional(draft=TEA, stored=replace(TEA, tags=(), version=2))]
    assert refined([a_fact("f0", "Ana likes tea.")], found) == {}
    assert find_leftover(found, revised(), now_ms=NOW_MS).archived == ()


def test_what_was_deleted_does_not_come_back() -> None:
    facts = [a_fact("f0", "Ana likes tea."), a_fact("f1", "Ana lives in Rome.")]
    found = [Provisional(draft=TEA, stored=None), *standing(ROME)]
    assert refined(facts, found) == {"raw-rome": "Ana lives in Rome."}


def test_another_version_of_the_rules_is_no_edit() -> None:
    written = replace(TEA, text="Ana: I like tea.")
    found = [Provisional(draft=TEA, stored=written)]
    assert refined([a_fact("f0", "Ana likes tea.")], found) == {"raw-tea": "Ana likes tea."}


def test_what_no_fact_confirms_is_archived_and_leads_to_a_fact_of_the_same_message() -> None:
    final = [a_fact("f9", "Ana reads.", "m9"), replace(a_fact("f0", "Ana likes tea."), id=TEA.id, version=2)]
    left = find_leftover(standing(TEA, ROME), revised(*final), now_ms=NOW_MS)
    archived = replace(ROME, status=MemoryStatus.ARCHIVED, version=2, updated_at_ms=NOW_MS)
    assert left.archived == (archived,)
    assert left.edges == (Edge(source=ROME.id, target=TEA.id, type=EdgeType.MERGED_TO),)


def test_without_any_fact_of_its_message_it_is_archived_alone() -> None:
    left = find_leftover(standing(TEA), revised(a_fact("f0", "Ana reads.", "m9")), now_ms=NOW_MS)
    assert ([memory.id for memory in left.archived], left.edges) == ([TEA.id], ())


def test_it_leads_to_the_known_memory_that_was_said_again() -> None:
    again = Reinforcement(memory=MemoryId("known"), source_ids=TEA.source_ids, said_at_ms=1, at_ms=1)
    left = find_leftover(standing(TEA), revised(revision=Revision(reinforced=(again,))), now_ms=NOW_MS)
    assert left.edges == (Edge(source=TEA.id, target=MemoryId("known"), type=EdgeType.MERGED_TO),)


def test_one_that_is_archived_already_gets_no_other_version() -> None:
    found = [Provisional(draft=TEA, stored=replace(TEA, status=MemoryStatus.ARCHIVED, version=2))]
    left = find_leftover(found, revised(a_fact("f0", "Ana drinks.")), now_ms=NOW_MS)
    assert left.archived == ()
    assert [edge.target for edge in left.edges] == ["f0"]


def test_what_is_provisional_concerns_nothing_and_is_not_reorganised() -> None:
    final = replace(ROME, tags=())
    assert (subject_of(ROME), is_plain(ROME)) == (None, False)
    assert subject_of(final) is not None
    assert is_plain(final)


def test_the_first_pass_has_a_witness_of_its_own() -> None:
    assert len({JobId("j1"), raw_job(JobId("j1")), raw_job(JobId("j2"))}) == 3


WORDS = st.lists(st.sampled_from(("tea", "milk", "Rome", "boat")), min_size=1, max_size=3)
RESTING = st.lists(st.sampled_from(("m1", "m2", "m3")), min_size=1, max_size=2, unique=True)
TOLD = st.lists(st.tuples(WORDS, RESTING), max_size=5)


@given(facts=TOLD, drafts=TOLD)
def test_no_id_is_used_twice_and_every_fact_and_every_memory_ends_somewhere(
    facts: list[tuple[list[str], list[str]]], drafts: list[tuple[list[str], list[str]]]
) -> None:
    told = [a_fact(f"f{n}", " ".join(words), *rests) for n, (words, rests) in enumerate(facts)]
    found = standing(*(a_draft(f"d{n}", " ".join(words), *rests) for n, (words, rests) in enumerate(drafts)))
    final = refine(told, found, now_ms=NOW_MS)
    left = find_leftover(found, revised(*final), now_ms=NOW_MS)
    assert [memory.text for memory in final] == [memory.text for memory in told]
    ids = [memory.id for memory in (*final, *left.archived)]
    assert len(ids) == len(set(ids))
    assert {each.draft.id for each in found} <= set(ids)
    for memory in final:
        taken = [each.draft for each in found if each.draft.id == memory.id]
        assert all(set(draft.source_ids) & set(memory.source_ids) for draft in taken)
