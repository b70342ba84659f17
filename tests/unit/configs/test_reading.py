"""The reading section of a cube: each field optional, and checked as a reader's is."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.reading import ReadingConfig
from memos.errors import InvalidConfig


class Visit(BaseModel):
    patient: str
    pain: int | None = None


SECTION = {"instructions": "Remember pains.", "categories": ["health"], "fact_schema": Visit}


def test_what_a_section_says_is_taken_and_survives_a_file() -> None:
    config = GeneralMemCubeConfig.model_validate({"reading": SECTION})
    reading = config.reading
    assert reading is not None
    assert (reading.instructions, reading.categories) == ("Remember pains.", ("health",))
    assert reading.fact_schema is not None
    assert (list(reading.fact_schema.properties), reading.fact_schema.required) == (["patient", "pain"], ("patient",))
    assert config.with_cube_id("other").reading == reading
    assert GeneralMemCubeConfig.model_validate(json.loads(config.model_dump_json())).reading == reading


def test_a_field_may_be_left_out_or_be_empty() -> None:
    assert ReadingConfig().model_dump() == {"instructions": None, "categories": None, "fact_schema": None}
    empty = ReadingConfig.model_validate({"instructions": "", "categories": []})
    assert (empty.instructions, empty.categories) == ("", ())


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"instructions": "x" * 4001}, "instructions"),
        ({"instructions": 7}, "instructions"),
        ({"instructions": "\ud800"}, "instructions"),
        ({"categories": "health"}, "categories"),
        ({"categories": [" "]}, "categories"),
        ({"categories": ["x" * 65]}, "categories"),
        ({"categories": ["a", "A"]}, "categories has 'a' twice"),
        ({"categories": [str(number) for number in range(33)]}, "categories"),
        ({"fact_schema": {}}, "FactSchema field properties"),
        ({"fact_schema": {"properties": {"a": {"type": "object"}}}}, "FactField field type"),
        ({"fact_schema": int}, "fact_schema"),
        ({"prompt": "x"}, "known fields: categories, fact_schema, instructions"),
    ],
)
def test_what_no_reader_could_be_told_is_refused_by_its_name(section: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        ReadingConfig.model_validate(section)
