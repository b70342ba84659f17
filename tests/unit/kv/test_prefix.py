from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.kv.prefix import (
    REPEATED,
    Chat,
    PromptLayout,
    StableBlock,
    build_chat,
    cacheable_prefix,
    in_stable_order,
    stable_block,
)
from memos.types import Memory

Make = Callable[[int, str], Memory]
TEXTS = st.lists(st.text(max_size=40), max_size=12)


def memories_of(texts: list[str]) -> list[Memory]:
    return [
        Memory(
            id=MemoryId(f"m{number}"),
            cube=CubeId("c"),
            user=UserId("u"),
            session=SessionId("s"),
            text=text,
            created_at_ms=number,
        )
        for number, text in enumerate(texts)
    ]


@given(texts=TEXTS, added=st.text(max_size=40), budget=st.integers(0, 200))
def test_appending_a_memory_never_changes_the_earlier_text(texts: list[str], added: str, budget: int) -> None:
    before = stable_block("You remember.", memories_of(texts), budget=budget)
    after = stable_block("You remember.", memories_of([*texts, added]), budget=budget)
    assert after.text.startswith(before.text)
    assert after.memories[: len(before.memories)] == before.memories


@given(texts=TEXTS)
def test_every_memory_is_one_line(texts: list[str]) -> None:
    block = stable_block("Prompt", memories_of(texts))
    lines = block.text.split("\n")[3:-1]
    assert len(lines) == len(block.memories) == len([text for text in texts if text.strip()])


def test_a_memory_over_the_budget_is_left_out_and_a_shorter_one_after_it_comes_in() -> None:
    block = stable_block("P", memories_of(["short", "much too long for it", "tiny"]), budget=16)
    assert [memory.text for memory in block.memories] == ["short", "tiny"]


def test_the_budget_can_be_measured_in_something_else_than_characters() -> None:
    block = stable_block("P", memories_of(["one two", "three"]), budget=3, measure=lambda line: len(line.split()))
    assert [memory.text for memory in block.memories] == ["one two"]


def test_without_memories_the_system_message_is_the_prompt_alone() -> None:
    assert stable_block("P", []) == StableBlock(text="P", memories=())


def test_memories_stand_in_the_order_in_which_they_came() -> None:
    memories = memories_of(["a", "b", "c"])
    assert in_stable_order(reversed(memories)) == memories


def test_a_chat_holds_prefix_history_and_what_was_retrieved(make_memory: Make) -> None:
    stable = stable_block("P", [make_memory(number, f"known-{number}") for number in range(9)])
    known = [make_memory(number, f"known-{number}") for number in range(REPEATED + 1)]
    layout = PromptLayout(
        stable=stable,
        retrieved=[*known, make_memory(99, "fresh")],
        history=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        query="What now?",
    )
    system, *history, last = build_chat(layout)
    assert system == {"role": "system", "content": stable.text}
    assert [turn["content"] for turn in history] == ["hi", "hello"]
    lines = [line for line in last["content"].splitlines() if line.startswith("- ")]
    assert lines == ["- fresh", *(f"- known-{number}" for number in reversed(range(REPEATED)))]
    assert last["content"].endswith("\nWhat now?")


def test_a_question_without_memories_is_sent_as_it_is() -> None:
    assert build_chat(PromptLayout(stable=stable_block("P", []), query="Why?"))[1]["content"] == "Why?"


def characters(messages: Chat) -> list[int]:
    return [ord(letter) for message in messages for letter in f"<{message['role']}>{message['content']}|"]


def user_first(messages: Chat) -> list[int]:
    if messages[1]["role"] != "user":
        raise InvalidRequest("the user speaks first")
    return characters(messages)


@pytest.mark.parametrize(("encode", "end"), [(characters, "|<"), (user_first, "|<user>")])
def test_the_cacheable_prefix_ends_where_prompts_begin_to_differ(encode: Callable[[Chat], list[int]], end: str) -> None:
    prefix = "".join(map(chr, cacheable_prefix(encode, "S")))
    assert prefix == f"<system>S{end}"
