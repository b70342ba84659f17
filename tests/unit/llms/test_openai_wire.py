"""What is understood of an answer's cost and thoughts."""

import pytest

from memos.llms.base import Usage
from memos.llms.openai_wire import Text, find_usage
from memos.llms.think import Part


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2}, Usage(prompt_tokens=9, completion_tokens=2)),
        ({"prompt_tokens": 9, "completion_tokens": None}, Usage(prompt_tokens=9, completion_tokens=0)),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}},
            Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=8),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": None}},
            Usage(prompt_tokens=9, completion_tokens=2),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 7},
            Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=7),
        ),
        ({"prompt_tokens": "many"}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_cost_is_understood_or_left_out(told: object, expected: Usage | None) -> None:
    assert find_usage(told) == expected


@pytest.mark.parametrize(
    ("message", "part"),
    [
        ({"content": "Four."}, Part(text="Four.")),
        ({"content": None, "reasoning_content": "hm"}, Part(thought="hm")),
        ({"content": "Four.", "reasoning": "hm"}, Part(thought="hm", text="Four.")),
        ({"content": None, "refusal": "No."}, Part(text="No.")),
        ({}, Part()),
    ],
)
def test_thoughts_are_told_apart_from_the_answer(message: dict[str, str], part: Part) -> None:
    assert Text.model_validate(message).part == part
