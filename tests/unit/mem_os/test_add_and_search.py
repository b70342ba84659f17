"""Every parameter of add, search, get and delete makes its difference, without a scheduler."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos.errors import InvalidRequest, NotFound
from memos.mem_os.main import MOS
from memos.types import JobState
from tests.support.openai_server import answer, serving
from tests.unit.mem_os.conftest import OpenMOS, on_twins, talking_to, texts

pytestmark = pytest.mark.models

FACTS = ["I drink green tea.", "I own a red bicycle.", "I live in Porto."]


def test_what_was_added_is_found_with_who_said_it_and_when(mos: MOS, ana: str) -> None:
    said = {"role": "user", "content": FACTS[0], "name": "Ana", "chat_time": "2025-03-10T09:30:00+00:00"}
    added = mos.add([said], user_id=ana)
    (item,) = mos.search("tea", user_id=ana)["text_mem"][0]["memories"]
    (source,) = item.sources
    assert (added.state, added.memory_ids) == (JobState.SUCCEEDED, (item.id,))
    assert (source.speaker, source.content, source.chat_time.isoformat()) == ("Ana", *list(said.values())[1::2])
    assert item.score == pytest.approx(sum(item.parts.values()))


def test_a_text_counts_as_said_by_the_user(mos: MOS, ana: str) -> None:
    mos.add(memory_content=FACTS[1], user_id=ana)
    (item,) = mos.search("bicycle", user_id=ana)["text_mem"][0]["memories"]
    assert (item.memory, item.sources[0].role, item.metadata.user_id) == (FACTS[1], "user", ana)


@pytest.mark.parametrize("given", [{}, {"messages": [{"role": "user", "content": "x"}], "memory_content": "x"}])
def test_messages_or_a_text_must_be_given_and_not_both(mos: MOS, ana: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="give one of messages, memory_content and doc_path"):
        mos.add(**given, user_id=ana)


BAD_MESSAGES: dict[str, tuple[Any, str]] = {
    "one message": ({"role": "user", "content": "x"}, "must be a list"),
    "a text": ("hello", "must be a list"),
    "a number": (7, "must be a list"),
    "nothing in it": ([], "is empty"),
    "no mapping": (["hello"], r"messages\[0\] must be a mapping"),
    "no role": ([{"content": "x"}], r"role is None; allowed: user, assistant"),
    "no content": ([{"role": "user"}], r"content must be a string, not NoneType"),
    "empty content": ([{"role": "user", "content": " \n"}], r"messages\[0\].content is empty"),
    "5 MB": ([{"role": "user", "content": "a" * 5_000_000}], r"5,000,000 bytes; the limit is 1,000,000"),
    "NUL": ([{"role": "user", "content": "a\x00b"}], "NUL character at position 1"),
    "a lone surrogate": ([{"role": "user", "content": "a\ud800"}], "lone surrogate at position 1"),
    "a bad second": ([{"role": "user", "content": "x"}, {"role": "user", "content": ""}], r"messages\[1\]"),
}


@pytest.mark.parametrize(("messages", "why"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_what_cannot_be_stored_is_refused_and_nothing_is_stored(mos: MOS, ana: str, messages: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        mos.add(messages, user_id=ana)
    assert texts(mos.get_all(user_id=ana)) == []


BAD_NAMES: dict[str, Callable[[MOS, str], object]] = {
    "user_id": lambda mos, ana: mos.add(memory_content="x", user_id="a\x1fb"),
    "session_id": lambda mos, ana: mos.add(memory_content="x", user_id=ana, session_id="~organize"),
    "idempotency_key": lambda mos, ana: mos.add(memory_content="x", user_id=ana, idempotency_key=""),
    "idempotency_key ": lambda mos, ana: mos.add(memory_content="x", user_id=ana, idempotency_key=7),  # type: ignore[arg-type]
    "query": lambda mos, ana: mos.search("", user_id=ana),
    "query ": lambda mos, ana: mos.chat("a\ud800", user_id=ana),
    "top_k": lambda mos, ana: mos.search("tea", user_id=ana, top_k=0),
    "top_k ": lambda mos, ana: mos.search("tea", user_id=ana, top_k=True),
    "mem_cube_ids": lambda mos, ana: mos.search("tea", user_id=ana, mem_cube_ids=ana),
    "mem_cube_ids ": lambda mos, ana: mos.search("tea", user_id=ana, mem_cube_ids=[]),
    "memory_id": lambda mos, ana: mos.get(ana, "\x00", user_id=ana),
    "cube_name": lambda mos, ana: mos.create_cube_for_user("", owner_id=ana, cube_id="c"),
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_impossible_argument_is_refused_by_its_name(mos: MOS, ana: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name.strip()):
        BAD_NAMES[name](mos, ana)


def test_top_k_is_the_number_of_memories_across_cubes(mos: MOS, ana: str) -> None:
    mos.create_cube_for_user(f"{ana}-2", owner_id=ana)
    for cube in (ana, f"{ana}-2"):
        for fact in FACTS:
            mos.add(memory_content=fact, user_id=ana, mem_cube_id=cube)
    assert len(texts(mos.search("what do I own?", user_id=ana))) == mos.config.top_k == 5
    assert len(texts(mos.search("what do I own?", user_id=ana, top_k=2))) == 2


def test_the_configured_top_k_is_the_default(open_mos: OpenMOS) -> None:
    mos = open_mos(top_k=1)
    mos.add([{"role": "user", "content": fact} for fact in FACTS])
    assert len(texts(mos.search("tea"))) == 1
    assert len(texts(mos.search("tea", top_k=3))) == 3


def test_a_search_goes_through_the_named_cubes_alone(mos: MOS, ana: str) -> None:
    mos.create_cube_for_user("Work", owner_id=ana, cube_id=f"{ana}-work")
    mos.add(memory_content=FACTS[0], user_id=ana, mem_cube_id=ana)
    mos.add(memory_content=FACTS[1], user_id=ana, mem_cube_id=f"{ana}-work")
    named = mos.search("tea", user_id=ana, mem_cube_ids=[f"{ana}-work"])
    assert [shelf["cube_id"] for shelf in named["text_mem"]] == [f"{ana}-work"]
    assert texts(named) == [FACTS[1]]
    assert sorted(texts(mos.search("tea", user_id=ana))) == FACTS[:2]
    assert texts(mos.get_all(f"{ana}-work", user_id=ana)) == [FACTS[1]]


def test_a_memory_names_its_session(mos: MOS, ana: str) -> None:
    mos.add(memory_content=FACTS[0], user_id=ana)
    mos.add(memory_content=FACTS[1], user_id=ana, session_id="evening")
    nodes = mos.get_all(user_id=ana)["text_mem"][0]["memories"]["nodes"]
    assert {node.memory: node.metadata.session_id for node in nodes} == {FACTS[0]: "default", FACTS[1]: "evening"}


def test_the_configured_session_is_the_default(open_mos: OpenMOS) -> None:
    mos = open_mos(session_id="monday")
    added = mos.add(memory_content=FACTS[0])
    assert mos.get("notes", added.memory_ids[0]).metadata.session_id == "monday"


def test_an_idempotency_key_makes_a_repetition_harmless(mos: MOS, ana: str) -> None:
    first = mos.add(memory_content=FACTS[0], user_id=ana, idempotency_key="k")
    again = mos.add(memory_content=FACTS[0], user_id=ana, idempotency_key="k")
    other = mos.add(memory_content=FACTS[1], user_id=ana, idempotency_key="l")
    assert (again, other.job_id == first.job_id) == (first, False)
    assert sorted(texts(mos.get_all(user_id=ana))) == FACTS[:2]


def test_two_users_may_use_one_idempotency_key_in_a_shared_cube(mos: MOS, ana: str) -> None:
    ben = f"{ana}-ben"
    mos.create_user(ben)
    mos.share_cube_with_user(ana, ben, user_id=ana)
    mos.add(memory_content=FACTS[0], user_id=ana, mem_cube_id=ana, idempotency_key="1")
    mos.add(memory_content=FACTS[1], user_id=ben, mem_cube_id=ana, idempotency_key="1")
    assert sorted(texts(mos.get_all(user_id=ana))) == FACTS[:2]


def test_a_deleted_memory_is_gone_from_everywhere(mos: MOS, ana: str) -> None:
    (memory,) = mos.add(memory_content=FACTS[0], user_id=ana).memory_ids
    mos.delete(ana, memory, user_id=ana)
    assert texts(mos.search("tea", user_id=ana)) == texts(mos.get_all(user_id=ana)) == []
    for attempt in (mos.get, mos.delete):
        with pytest.raises(NotFound, match=memory):
            attempt(ana, memory, user_id=ana)


def test_a_second_delete_clears_what_a_killed_one_left(mos: MOS, ana: str) -> None:
    (memory,) = mos.add(memory_content=FACTS[0], user_id=ana).memory_ids
    stores, tenant = mos._parts.stores, mos._parts.tenant
    stores.graph.delete_memories(tenant, ana, [memory])  # as far as the killed one came
    assert stores.index.list_ids(tenant, ana) == [memory]
    with pytest.raises(NotFound):
        mos.delete(ana, memory, user_id=ana)
    assert stores.index.list_ids(tenant, ana) == []


def test_delete_all_says_what_it_removed_and_leaves_other_cubes(mos: MOS, ana: str) -> None:
    mos.create_cube_for_user(f"{ana}-2", owner_id=ana)
    for cube in (ana, f"{ana}-2"):
        mos.add([{"role": "user", "content": fact} for fact in FACTS], user_id=ana, mem_cube_id=cube)
    assert mos.delete_all(ana, user_id=ana) == {"memories": 3, "messages": 3, "artefacts": 0}
    assert texts(mos.get_all(ana, user_id=ana)) == []
    assert sorted(texts(mos.get_all(f"{ana}-2", user_id=ana))) == sorted(FACTS)


def test_the_configured_reader_reads(open_mos: OpenMOS) -> None:
    with serving() as llm:
        llm.replies = [answer('{"facts": [{"text": "Ana drinks tea.", "evidence": [1]}]}')]
        mos = open_mos(mem_reader={"backend": "simple_struct", "config": {"llm": talking_to(llm)}})
        mos.add(memory_content=FACTS[0])
    assert texts(mos.get_all()) == ["Ana drinks tea."]


def test_the_settings_name_the_reader_where_the_configuration_does_not(open_mos: OpenMOS, tmp_path: Path) -> None:
    with serving() as llm:
        llm.replies = [answer('{"facts": []}')]
        chosen = {"reader": "simple_struct", "llm_base_url": llm.url, "llm_model": "m", "llm_api_key": "k"}
        mos = open_mos(on_twins(tmp_path, **chosen))
        assert mos.add(memory_content=FACTS[0]).memory_ids == ()


def test_waiting_needs_a_scheduler(mos: MOS) -> None:
    with pytest.raises(InvalidRequest, match="nothing to wait for"):
        mos.wait(["j"])
