"""What add remembers, what it answers, and what it refuses."""

import json
from datetime import date, datetime
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import InvalidRequest, Unavailable
from memos.mem0.memory import Memory
from tests.support.openai_server import OpenAIServer, answer
from tests.unit.mem0.conftest import OpenMemory, kept, talking_to, texts

ANA = {"user_id": "ana"}
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "I moved to Lisbon.", "name": "Ana"},
    {"role": "assistant", "content": "Congratulations!"},
]


def facts(*said: tuple[str, int]) -> Any:
    return answer(json.dumps({"facts": [{"text": text, "evidence": [number]} for text, number in said]}))


def test_without_a_model_rules_find_what_people_state(memory: Memory) -> None:
    added = memory.add(TALK, user_id="ana")
    [result] = added["results"]
    assert result == {"id": result["id"], "memory": "Ana said: I moved to Lisbon.", "event": "ADD"}
    [shown] = memory.get_all(filters=ANA)["results"]
    assert shown["attributed_to"] == "user"
    assert "role" not in shown


def test_without_inference_each_message_but_the_systems_is_a_memory(memory: Memory) -> None:
    added = memory.add(TALK, user_id="ana", infer=False)["results"]
    assert [(one["memory"], one["event"], one["role"], one["actor_id"]) for one in added] == [
        ("I moved to Lisbon.", "ADD", "user", "Ana"),
        ("Congratulations!", "ADD", "assistant", None),
    ]
    assert memory.get(added[0]["id"]) == {
        "id": added[0]["id"],
        "memory": "I moved to Lisbon.",
        "hash": "ba30eb9611776e8473ef83ca89f0c58d",
        "metadata": None,
        "score": None,
        "created_at": "2025-06-15T15:06:40+00:00",
        "updated_at": "2025-06-15T15:06:40+00:00",
        "user_id": "ana",
        "actor_id": "Ana",
        "role": "user",
    }


@pytest.mark.parametrize(
    "messages",
    [
        "I like tea.",
        {"role": "user", "content": "I like tea."},
        [{"role": "user", "content": "I like tea."}],
        [{"role": "user", "content": [{"type": "text", "text": "I like"}, {"type": "text", "text": "tea."}]}],
        [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "user", "content": "I like tea."}],
        [{"role": "assistant", "content": "", "tool_calls": [{}]}, {"role": "user", "content": "I like tea."}],
    ],
)
def test_a_text_a_message_or_a_list_of_messages(memory: Memory, messages: Any) -> None:
    assert texts(memory.add(messages, user_id="ana", infer=False)) == ["I like tea."]


def test_a_turn_in_which_nothing_was_said_adds_nothing(memory: Memory) -> None:
    assert memory.add([{"role": "assistant", "content": None, "tool_calls": [{}]}], user_id="ana") == {"results": []}


def test_metadata_belongs_to_each_memory_and_may_date_it(memory: Memory) -> None:
    given = {"category": "trip", "deep": {"list": [1, None, "x"]}, "created_at": "2024-05-06T07:08:09+02:00"}
    [one] = kept(memory, "I saw Rome.", metadata=given)
    given["deep"]["list"].append("changed later")
    shown = memory.get(one)
    assert shown is not None
    assert shown["metadata"] == {"category": "trip", "deep": {"list": [1, None, "x"]}}
    assert shown["created_at"] == shown["updated_at"] == "2024-05-06T05:08:09+00:00"


def test_metadata_never_says_whose_a_memory_is(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    memory.add("I like tea.", user_id="ana", metadata={"user_id": "ben", "agent_id": "x", "colour": "red"})
    assert "user_id" in caplog.text
    assert memory.get_all(filters={"user_id": "ben"}) == memory.get_all(filters={"agent_id": "x"}) == {"results": []}
    [shown] = memory.get_all(filters=ANA)["results"]
    assert shown["metadata"] == {"colour": "red"}
    caplog.clear()
    memory.add("I like milk.", user_id="ana", metadata={"user_id": "ana"})
    assert caplog.text == ""


def test_each_id_is_kept_and_trimmed(memory: Memory) -> None:
    memory.add("I like tea.", user_id="  ana ", agent_id="cook", run_id=7, infer=False)
    [shown] = memory.get_all(filters={"run_id": 7})["results"]
    assert (shown["user_id"], shown["agent_id"], shown["run_id"]) == ("ana", "cook", "7")


def test_what_somebody_has_word_for_word_is_not_added_again(memory: Memory) -> None:
    assert len(memory.add("I like tea. I like tea.", user_id="ana")["results"]) == 1
    assert memory.add("I like tea.", user_id="ana") == {"results": []}
    assert len(memory.add("I like tea.", user_id="ben")["results"]) == 1
    assert len(memory.add("I like tea.", user_id="ana", run_id="r")["results"]) == 1
    assert memory.add("I like tea.", run_id="r") == {"results": []}
    assert len(memory.get_all(filters=ANA)["results"]) == 2


def test_messages_themselves_are_added_as_often_as_they_are_said(memory: Memory) -> None:
    assert len({*kept(memory, "yes", "yes")}) == 2


@pytest.mark.parametrize("until", ["2025-06-14", date(2025, 6, 14), datetime(2025, 6, 14, 23)])
def test_an_expired_memory_is_shown_on_demand_alone(memory: Memory, until: object) -> None:
    kept(memory, "tea today", expiration_date=until)
    kept(memory, "tea for ever", "tea until today")
    memory.update(kept(memory, "tea this week")[0], expiration_date="2025-06-15")
    assert memory.get_all(filters={**ANA, "expiration_date": "2025-06-14"}) == {"results": []}
    assert sorted(texts(memory.get_all(filters=ANA))) == ["tea for ever", "tea this week", "tea until today"]
    assert "tea today" not in texts(memory.search("tea", filters=ANA))
    assert "tea today" in texts(memory.get_all(filters=ANA, show_expired=True))
    found = memory.search("tea today", filters=ANA, show_expired=True)["results"]
    assert found[0]["expiration_date"] == "2025-06-14"


def test_metadata_may_name_the_expiration_too(memory: Memory, clock: ManualClock) -> None:
    kept(memory, "tea", metadata={"expiration_date": "2025-06-15"})
    assert texts(memory.get_all(filters=ANA)) == ["tea"]
    clock.advance_ms(86_400_000)
    assert texts(memory.get_all(filters=ANA)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one of user_id, agent_id, run_id"),
        ({"user_id": " "}, "without white space"),
        ({"user_id": "*"}, "names nobody here"),
        ({"agent_id": "a b"}, "without white space"),
        ({"run_id": "\x00"}, "none of control"),
        ({"user_id": "x" * 129}, "at most 128"),
        ({**ANA, "timestamp": 1}, "mem0's platform"),
        ({**ANA, "expiration_date": "soon"}, "YYYY-MM-DD"),
        ({**ANA, "expiration_date": 20250101}, "YYYY-MM-DD"),
        ({**ANA, "memory_type": "episodic"}, "known: 'procedural_memory'"),
        ({**ANA, "memory_type": "procedural_memory"}, "give agent_id"),
        ({"agent_id": "a", "memory_type": "procedural_memory"}, "add an llm section"),
        ({**ANA, "prompt": "only food"}, "add an llm section"),
        ({**ANA, "prompt": "only food", "infer": False}, "with infer=False there is none"),
        ({**ANA, "metadata": [1]}, "metadata must be a mapping"),
        ({**ANA, "metadata": {"hash": "x"}}, "choose another name"),
        ({**ANA, "metadata": {"updated_at": "x"}}, "choose another name"),
        ({**ANA, "metadata": {"created_at": "x"}}, "ISO 8601"),
        ({**ANA, "metadata": {"x": float("inf")}}, "no JSON number"),
        ({**ANA, "metadata": {"x": {1, 2}}}, "not a valid JSON value"),
        ({**ANA, "metadata": {"x": object()}}, "not a valid JSON value"),
    ],
)
def test_what_cannot_be_honoured_is_refused(memory: Memory, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        memory.add("I like tea.", **arguments)
    assert isinstance(caught.value, ValueError)
    assert memory.get_all(filters={"user_id": "*"}) == {"results": []}


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("", "is empty"),
        ([], "messages is empty"),
        (7, "messages must be a text, a message or a list"),
        (["x"], r"messages\[0\] must be a mapping"),
        ([{"role": "king", "content": "x"}], "role is 'king'"),
        ([{"content": "x"}], "role is None"),
        ([{"role": "user", "content": "x", "mood": "good"}], "unknown field 'mood'; known: role, content, name"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}], "image_url.*only text"),
        ([{"role": "user", "content": "\ud800"}], "lone surrogate"),
    ],
)
@pytest.mark.parametrize("infer", [True, False])
def test_what_is_no_message_is_refused(memory: Memory, messages: Any, message: str, infer: bool) -> None:
    with pytest.raises(ValueError, match=message):
        memory.add(messages, user_id="ana", infer=infer)


def test_an_unknown_argument_is_an_error(memory: Memory) -> None:
    with pytest.raises(TypeError, match="colour"):
        memory.add("I like tea.", user_id="ana", colour="red")


def test_a_model_finds_the_facts_and_is_told_the_instructions(open_memory: OpenMemory, model: OpenAIServer) -> None:
    memory = open_memory(llm=talking_to(model), custom_instructions="Only food.")
    model.replies = [facts(("Ana eats no fish.", 2))]
    assert texts(memory.add(TALK, user_id="ana")) == ["Ana eats no fish."]
    system, asked = (message["content"] for message in model.requests[-1]["messages"])
    assert system.endswith("Only food.")
    assert "I moved to Lisbon." in asked
    memory.add(TALK, user_id="ana", prompt="Only towns.")
    told = model.requests[-1]["messages"][0]["content"]
    assert told.endswith("Only towns.")
    assert "Only food." not in told


def test_an_agents_own_memories_are_read_as_its_own(open_memory: OpenMemory, model: OpenAIServer) -> None:
    memory = open_memory(llm=talking_to(model))
    model.replies = [facts(("The assistant congratulated Ana.", 3))]
    memory.add(TALK, agent_id="cook")
    assert "The assistant ..." in model.requests[-1]["messages"][0]["content"]
    [shown] = memory.get_all(filters={"agent_id": "cook"})["results"]
    assert shown["attributed_to"] == "assistant"
    memory.add(TALK, agent_id="cook", user_id="ana")
    assert "The assistant ..." not in model.requests[-1]["messages"][0]["content"]


def test_a_procedure_is_one_memory_in_the_models_words(open_memory: OpenMemory, model: OpenAIServer) -> None:
    memory = open_memory(llm=talking_to(model))
    model.replies = [answer("1. Opened the page. ")]
    added = memory.add(TALK, agent_id="a", memory_type="procedural_memory", metadata={"task": 7})
    [result] = added["results"]
    assert result == {"id": result["id"], "memory": "1. Opened the page.", "event": "ADD"}
    [shown] = memory.get_all(filters={"agent_id": "a", "memory_type": "procedural_memory"})["results"]
    assert shown["metadata"] == {"task": 7, "memory_type": "procedural_memory"}
    assert "procedure" in model.requests[-1]["messages"][0]["content"]
    memory.add(TALK, agent_id="a", memory_type="procedural_memory", prompt="Be short.")
    assert model.requests[-1]["messages"][0]["content"] == "Be short."
    model.replies = [answer(" ")]
    with pytest.raises(Unavailable, match="no summary"):
        memory.add(TALK, agent_id="a", memory_type="procedural_memory")


def test_a_model_that_is_away_is_no_empty_answer(open_memory: OpenMemory) -> None:
    llm = {"provider": "openai", "config": {"openai_base_url": "http://127.0.0.1:9/v1", "api_key": "k"}}
    with pytest.raises(Unavailable):
        open_memory(llm=llm).add("I like tea.", user_id="ana")


def test_a_very_long_message_becomes_memories_that_fit(memory: Memory) -> None:
    long_text = " ".join(f"Sentence number {number} is about tea." for number in range(4000))
    assert len(memory.add(long_text, user_id="ana")["results"]) > 100
