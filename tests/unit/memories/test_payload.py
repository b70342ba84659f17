"""Messages at the door: what is taken, and what is refused with which words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.memories.textual.payload import MAX_MESSAGE_BYTES, parse_messages

NOW_MS = 1_750_000_000_000


def message(**fields: object) -> dict[str, object]:
    return {"role": "user", "content": "hello", **fields}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("hello", "must be a list"),
        (None, "must be a list"),
        ({"role": "user", "content": "x"}, "must be a list"),
        ([], "is empty"),
        (["hello"], r"messages\[0\] must be a mapping"),
        ([message(), {"role": "user"}], r"messages\[1\].content must be a string"),
        ([{"content": "x"}], r"messages\[0\].role is None; allowed: user"),
        ([message(role="robot")], "allowed: user, assistant, system, tool"),
        ([message(content="")], "content is empty"),
        ([message(content=" \n")], "content is empty"),
        ([message(content=5)], "must be a string, not int"),
        ([message(content="a\x00b")], "NUL character at position 1"),
        ([message(content="a\ud800")], "lone surrogate at position 1"),
        ([message(content="x" * 5_000_000)], "has 5,000,000 bytes; the limit is 1,000,000"),
        ([message(mood="good")], "unknown field 'mood'; known: role, content, name, chat_time"),
        ([message(name="")], r"messages\[0\].name is empty"),
        ([message(name="x" * 200)], "the limit is 128"),
        ([message(chat_time="tomorrow")], "give ISO 8601"),
        ([message(chat_time=True)], "give ISO 8601"),
        ([message(chat_time=1e300)], "give ISO 8601"),
        ([message(content="x" * MAX_MESSAGE_BYTES)] * 17, "send at most"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place_and_a_remedy(value: object, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        parse_messages(value, now_ms=NOW_MS)


def test_a_message_without_name_and_time_is_said_now_by_its_role() -> None:
    assert parse_messages([message()], now_ms=NOW_MS) == [
        {"role": "user", "content": "hello", "speaker": "user", "said_at_ms": NOW_MS}
    ]


@pytest.mark.parametrize(
    "time",
    [
        "2025-03-10T09:30:00+00:00",
        "2025-03-10T09:30:00",
        "2025-03-10T10:30:00+01:00",
        datetime(2025, 3, 10, 9, 30, tzinfo=UTC),
        1_741_599_000,
    ],
)
def test_a_time_may_be_given_in_every_usual_form(time: object) -> None:
    (parsed,) = parse_messages([message(name="Ana", chat_time=time)], now_ms=NOW_MS)
    assert (parsed["speaker"], parsed["said_at_ms"]) == ("Ana", 1_741_599_000_000)


@given(st.text(min_size=1))
def test_any_text_is_kept_as_it_is_or_refused_in_words(text: str) -> None:
    try:
        (parsed,) = parse_messages([message(content=text)], now_ms=NOW_MS)
    except InvalidRequest:
        return
    assert parsed["content"] == text
