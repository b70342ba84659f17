"""What becomes of earlier memories when somebody says something new."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId, MessageId, SessionId, UserId
from memos.organize.decay import DAY_MS
from memos.organize.revise import NO_REVISION, Reinforcement, Revised, reinforce, revise, subject_of
from memos.organize.rules import state_of
from memos.types import EdgeType, Memory, MemoryType

T0 = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)


def said(name: str, text: str, day: int = 0, **fields: object) -> Memory:
    """A memory of Ana's, ``day`` days after the first."""
    at_ms = T0 + day * DAY_MS
    known = Memory(
        id=MemoryId(name),
        cube=CubeId("cube"),
        user=UserId("ana"),
        session=SessionId("s"),
        text=text,
        speaker="Ana",
        said_at_ms=at_ms,
        created_at_ms=T0 + 1000 * DAY_MS,
        source_ids=(MessageId(f"said-{name}"),),
    )
    return replace(known, **fields)


def told(*memories: Memory, known: tuple[Memory, ...] = ()) -> Revised:
    """The memories as one job."""
    (revised,) = revise([memories], known)
    return revised


def ends(revised: Revised) -> dict[str, int]:
    return {each.memory: each.invalid_at_ms for each in revised.revision.ended}


def edges(revised: Revised, kind: EdgeType = EdgeType.SUPERSEDES) -> list[tuple[str, str]]:
    return [(each.source, each.target) for each in revised.revision.edges if each.type is kind]


ROME = said("rome", "I live in Rome.")
TURIN = said("turin", "I moved to Turin.", 30)
MILAN = said("milan", "I live in Milan.", 60)


def test_a_new_value_ends_the_old_one_when_it_begins_to_hold() -> None:
    revised = told(TURIN, known=(ROME,))
    assert (revised.memories, ends(revised), edges(revised)) == (
        (TURIN,),
        {"rome": TURIN.said_at_ms},
        [("turin", "rome")],
    )


def test_it_holds_from_the_day_that_it_names() -> None:
    since = replace(TURIN, valid_at_ms=T0 + 20 * DAY_MS)
    assert ends(told(since, known=(ROME,))) == {"rome": T0 + 20 * DAY_MS}


def test_a_correction_in_the_same_conversation_ends_what_it_corrects() -> None:
    revised = told(ROME, TURIN)
    assert [(each.id, each.invalid_at_ms, each.version) for each in revised.memories] == [
        ("rome", TURIN.said_at_ms, 1),
        ("turin", None, 1),
    ]
    assert (edges(revised), revised.revision.ended) == ([("turin", "rome")], ())


def test_of_one_moment_the_later_words_count() -> None:
    assert edges(told(ROME, replace(TURIN, said_at_ms=ROME.said_at_ms))) == [("turin", "rome")]


def test_an_earlier_job_of_the_batch_is_known_to_the_next() -> None:
    first, second = revise([[ROME], [TURIN]], ())
    assert (first.revision, ends(second), edges(second)) == (
        NO_REVISION,
        {"rome": TURIN.said_at_ms},
        [("turin", "rome")],
    )


def test_what_arrives_late_ends_with_what_was_said_after_it() -> None:
    ended = replace(ROME, invalid_at_ms=MILAN.said_at_ms)
    revised = told(TURIN, known=(ended, MILAN))
    assert [each.invalid_at_ms for each in revised.memories] == [MILAN.said_at_ms]
    assert ends(revised) == {"rome": TURIN.said_at_ms}
    assert edges(revised) == [("turin", "rome"), ("milan", "turin")]


def test_what_ended_sooner_keeps_its_end() -> None:
    ended = replace(ROME, invalid_at_ms=T0 + DAY_MS)
    assert told(TURIN, known=(ended,)) == Revised(memories=(TURIN,), revision=NO_REVISION)


def test_a_recollection_ends_nothing() -> None:
    long_ago = said("turin", "I moved to Turin in 2014.", 30, valid_at_ms=T0 - 4000 * DAY_MS)
    assert told(long_ago, known=(ROME,)) == Revised(memories=(long_ago,), revision=NO_REVISION)


@pytest.mark.parametrize(
    "other",
    [
        replace(TURIN, user=UserId("ben")),
        replace(TURIN, speaker="Ben"),
        said("country", "I moved to Germany.", 30),
        said("same", "I still live in Rome.", 30),
        said("sister", "My sister lives in Turin.", 30),
        said("passage", "I moved to Turin.", 30, memory_type=MemoryType.OUTER),
        said("summary", "I moved to Turin.", 30, session=SessionId("~summaries")),
        said("trip", "I went on a trip to Turin.", 30),
    ],
    ids=lambda memory: memory.text + memory.speaker + memory.user,
)
def test_what_concerns_something_else_stands_beside_it(other: Memory) -> None:
    assert told(other, known=(ROME,)) == Revised(memories=(other,), revision=NO_REVISION)


def test_a_state_and_its_denial_contradict_each_other_and_both_stay() -> None:
    denial = said("denial", "I don't live in Rome.", 5)
    revised = told(denial, known=(ROME, MILAN))
    assert (revised.memories, ends(revised)) == ((denial,), {})
    assert edges(revised, EdgeType.CONTRADICTS) == [("denial", "rome")]
    late = told(ROME, known=(denial,))
    assert (late.memories, edges(late, EdgeType.CONTRADICTS)) == ((ROME,), [("denial", "rome")])


def test_a_denial_of_what_has_ended_contradicts_nothing() -> None:
    denial = said("denial", "I don't live in Rome.", 5)
    assert told(denial, known=(replace(ROME, invalid_at_ms=T0 + DAY_MS),)).revision == NO_REVISION


@pytest.mark.parametrize("again", ["I live in Rome.", "i live in  rome", "“I live in Rome!”"])
def test_the_same_words_make_no_second_memory(again: str) -> None:
    repeated = said("again", again, 3)
    revised = told(repeated, known=(ROME,))
    assert revised.memories == ()
    assert revised.revision.reinforced == (
        Reinforcement(
            memory=ROME.id,
            source_ids=repeated.source_ids,
            said_at_ms=repeated.said_at_ms,
            at_ms=repeated.created_at_ms,
        ),
    )
    assert revised.revision.changed == ("rome",)


def test_the_same_words_are_recognised_behind_others_of_the_subject() -> None:
    fear = said("fear", "I live in fear.", 1)
    assert told(said("again", "i live in rome", 3), known=(ROME, fear)).revision.changed == ("rome",)
    assert (
        told(said("again", "I live in fear", 3), known=(fear, said("still", "I still live in Rome.", 2))).memories == ()
    )


def test_the_same_words_behind_a_denial_are_a_memory_of_their_own() -> None:
    denial, again = said("denial", "I don't live in Rome.", 1), said("again", ROME.text, 2)
    assert told(again, known=(ROME, denial)).memories == (again,)


def test_what_was_said_again_takes_the_place_of_what_arrives_later() -> None:
    first, second, third = revise([[ROME], [said("again", ROME.text, 60)], [TURIN]], ())
    assert second.revision.changed == ("rome",)
    (late,) = third.memories
    assert (late.invalid_at_ms, edges(third)) == (T0, [("rome", "turin")])
    assert first.memories == (ROME,)


def test_what_was_said_again_much_later_is_no_recollection() -> None:
    _, _, third = revise([[ROME], [said("again", ROME.text, 200)], [said("late", TURIN.text, 190)]], ())
    assert edges(third) == [("rome", "late")]


@pytest.mark.parametrize("other", ["I code in C++", "I code in C #", "I code in C ❤"])
def test_marks_that_mean_something_make_other_words(other: str) -> None:
    assert len(told(said("a", "I code in C"), said("b", other)).memories) == 2


def test_words_that_are_all_pauses_are_compared_as_they_are() -> None:
    assert subject_of(said("a", "...")) != subject_of(said("b", "!"))


def test_a_repetition_in_one_job_joins_the_sources_of_its_first() -> None:
    revised = told(ROME, said("again", "I live in Rome!", 3))
    (memory,) = revised.memories
    assert (memory.id, memory.source_ids, memory.version) == ("rome", ("said-rome", "said-again"), 1)
    assert revised.revision == NO_REVISION


@pytest.mark.parametrize("change", [{"invalid_at_ms": T0 + DAY_MS}, {"expires_at_ms": T0 + DAY_MS}], ids=str)
def test_what_has_an_end_is_not_said_again_but_anew(change: dict[str, int]) -> None:
    again = said("again", ROME.text, 9)
    assert told(again, known=(replace(ROME, **change),)) == Revised(memories=(again,), revision=NO_REVISION)


def test_moving_back_is_no_repetition() -> None:
    back = said("back", ROME.text, 60)
    revised = told(back, known=(replace(ROME, invalid_at_ms=TURIN.said_at_ms), TURIN))
    assert (revised.memories, edges(revised)) == ((back,), [("back", "turin")])


def test_a_reinforced_memory_holds_since_the_first_time_and_was_said_at_the_last() -> None:
    again = Reinforcement(memory=ROME.id, source_ids=(MessageId("x"),), said_at_ms=T0 + DAY_MS, at_ms=T0 + 2 * DAY_MS)
    after = reinforce(ROME, again)
    assert (after.said_at_ms, after.valid_at_ms, after.importance) == (T0 + DAY_MS, T0, 0.625)
    assert (after.importance_at_ms, after.updated_at_ms, after.version) == (T0 + 2 * DAY_MS, T0 + 2 * DAY_MS, 2)
    earlier = reinforce(ROME, replace(again, said_at_ms=T0 - DAY_MS))
    assert (earlier.said_at_ms, earlier.valid_at_ms) == (T0, T0 - DAY_MS)
    assert reinforce(replace(ROME, valid_at_ms=5), again).valid_at_ms == 5
    assert reinforce(replace(ROME, importance=1.0), again).importance == 1.0


def test_a_memory_that_an_earlier_attempt_wrote_is_compared_with_the_others_again() -> None:
    assert told(TURIN, known=(ROME, replace(TURIN, version=2))) == told(TURIN, known=(ROME,))


SAYINGS = ("I live in Rome.", "I live in Turin.", "I moved to Milan.", "I'm in Milan now.", "I live in Rome!", "Hm.")


@given(st.lists(st.tuples(st.sampled_from(SAYINGS), st.integers(0, 5), st.integers(-70, 0)), max_size=12), st.data())
def test_after_any_story_in_any_jobs_what_holds_is_what_was_said_last(
    story: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    new = [said(f"m{n}", text, day) for n, (text, day, _) in enumerate(story)]
    cut = data.draw(st.integers(0, len(new)))
    jobs = revise([new[:cut], new[cut:]], ())
    held = {memory.id: memory for job in jobs for memory in job.memories}
    ended = [each for job in jobs for each in job.revision.ended]
    for ending in ended:
        memory = held[ending.memory]
        held[ending.memory] = replace(memory, invalid_at_ms=ending.invalid_at_ms)
    states = [(n, memory) for n, memory in enumerate(new) if state_of(memory)]
    if states:
        _, last = max(states, key=lambda pair: (pair[1].said_at_ms, pair[0]))
        values = {
            state.value for memory in held.values() if memory.invalid_at_ms is None and (state := state_of(memory))
        }
        assert values == {state.value for state in [state_of(last)] if state}
