"""Recorded conversations: what of a file is read, and what a broken one is answered with."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos.bench.conversations import load_conversation
from memos.bench.retrieval import Plan, check_plan
from memos.errors import InvalidConfig, InvalidRequest


def recording(**others: Any) -> dict[str, Any]:
    turns = [
        {"speaker": "Ana", "dia_id": "D2:1", "text": "Look!", "blip_caption": "a cat on a roof"},
        {"speaker": "Ben", "dia_id": "D2:2", "text": "Nice cat."},
    ]
    return {
        "session_10": [{"speaker": "Ben", "dia_id": "D10:1", "text": "Bye."}],
        "session_10_date_time": "1:05 am on 1 March, 2024",
        "session_2": turns,
        "session_2_date_time": "1:56 pm on 8 May, 2023",
        "qa": [{"question": "What was on the roof?", "answer": "a cat", "evidence": ["D2:1"], "category": 4}],
        **others,
    }


def write(directory: Path, content: Any) -> Path:
    (directory / "one.json").write_text(json.dumps(content))
    return directory


def test_turns_come_in_the_order_of_the_sessions_with_their_dates_and_photos(tmp_path: Path) -> None:
    found = load_conversation(write(tmp_path, recording()), "one")
    assert [turn.name for turn in found.turns] == ["D2:1", "D2:2", "D10:1"]
    assert found.turns[0].as_message() == {
        "role": "user",
        "name": "Ana",
        "content": "Look! [photo: a cat on a roof]",
        "chat_time": "2023-05-08T13:56:00+00:00",
    }
    assert found.turns[2].said_at == datetime(2024, 3, 1, 1, 5, tzinfo=UTC)


def test_of_the_questions_nothing_but_their_words_is_read(tmp_path: Path) -> None:
    found = load_conversation(write(tmp_path, recording()), "one")
    assert found.questions == ("What was on the roof?",)
    assert "answer" not in repr(found)


@pytest.mark.parametrize(
    "broken", [{"session_2_date_time": "yesterday"}, {"qa": None}, {"session_2": [{"text": "x"}]}], ids=str
)
def test_what_is_no_conversation_is_refused_by_name(tmp_path: Path, broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"one\.json is no conversation"):
        load_conversation(write(tmp_path, recording(**broken)), "one")


def test_a_plan_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    write(tmp_path, recording())
    check_plan(Plan(directory=tmp_path, names=("one",)), tmp_path / "run.jsonl")
    with pytest.raises(InvalidConfig, match=r"cannot read .*two\.json"):
        check_plan(Plan(directory=tmp_path, names=("one", "two")), tmp_path / "run.jsonl")
    with pytest.raises(InvalidRequest, match="cannot write"):
        check_plan(Plan(directory=tmp_path, names=("one",)), tmp_path / "none" / "run.jsonl")
