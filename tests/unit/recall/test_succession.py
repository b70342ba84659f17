"""The last word on a state comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.recall.fuse import Candidate, Key
from memos.recall.succession import is_state, put_newest_first
from memos.types import Memory

CUBE = CubeId("cube")


def a_memory(name: str, key: str, said: int, *, speaker: str = "Ana", user: str = "u") -> Memory:
    return Memory(
        id=MemoryId(name),
        cube=CUBE,
        user=UserId(user),
        session=SessionId("s"),
        text=name,
        key=key,
        speaker=speaker,
        said_at_ms=said,
    )


def ranked(*memories: Memory) -> tuple[list[Candidate], dict[Key, Memory]]:
    """Candidates in this order, one apart from the next."""
    items = [Candidate(key=(CUBE, memory.id), parts={"text": float(-place)}) for place, memory in enumerate(memories)]
    return items, {(CUBE, memory.id): memory for memory in memories}


def names(found: list[Candidate]) -> list[str]:
    return [item.key[1] for item in found]


def test_the_newest_takes_the_place_and_the_score_of_the_best() -> None:
    found = put_newest_first(
        *ranked(
            a_memory("other", "cat", 9),
            a_memory("lisbon", "home city", 1),
            a_memory("noise", "trip", 5),
            a_memory("faro", "home city", 3),
            a_memory("porto", "home city", 2),
        )
    )
    assert names(found) == ["other", "faro", "lisbon", "noise", "porto"]
    assert found[1].score == pytest.approx(found[2].score)
    assert found[1].parts["succession"] == pytest.approx(2.0)
    assert all("succession" not in item.parts for place, item in enumerate(found) if place != 1)


@pytest.mark.parametrize(
    "older",
    [
        a_memory("old", "sister home city", 1),
        a_memory("old", "home city", 1, speaker="Ben"),
        a_memory("old", "home city", 1, user="other"),
        a_memory("old", "trip", 1),
    ],
)
def test_another_persons_and_another_thing_stay_where_they_are(older: Memory) -> None:
    newer = a_memory("new", "trip" if older.key == "trip" else "home city", 2)
    assert names(put_newest_first(*ranked(older, newer))) == ["old", "new"]


def test_of_what_was_said_at_one_time_the_better_match_stays_first() -> None:
    assert names(put_newest_first(*ranked(a_memory("a", "job", 1), a_memory("b", "job", 1)))) == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "single"),
    [("job", True), ("sister job", True), ("favourite film", True), ("jobless", False), ("pet", False), ("", False)],
)
def test_which_keys_name_a_state(key: str, single: bool) -> None:
    assert is_state(key) is single


@given(
    st.lists(
        st.tuples(st.sampled_from(["job", "diet", "trip"]), st.integers(min_value=0, max_value=5)),
        max_size=8,
    )
)
def test_nothing_is_lost_and_the_newest_of_a_state_is_first_of_it(told: list[tuple[str, int]]) -> None:
    items, memories = ranked(*(a_memory(f"m{place}", key, said) for place, (key, said) in enumerate(told)))
    found = put_newest_first(items, memories)
    assert sorted(names(found)) == sorted(names(items))
    for key in ("job", "diet"):
        said = [memories[item.key].said_at_ms for item in found if memories[item.key].key == key]
        assert not said or said[0] == max(said)
