"""Whose word holds: the cube's, field by field, before that of the reader; one model for both."""

from typing import Any

import pytest

from memos.configs.fact_fields import FactSchema
from memos.configs.reading import ReadingConfig
from memos.documents.reader import DocumentReader
from memos.llms.base import ChatMessages
from memos.mem_reader.rules import RulesReader
from memos.mem_reader.simple_struct import SimpleStructReader
from memos.mem_reader.wanted import Wanted, choose_wanted
from tests.unit.mem_reader.conversations import conversation, message

PART = FactSchema.model_validate({"properties": {"part": {"type": "string"}}})
PLACE = FactSchema.model_validate({"properties": {"place": {"type": "string"}}})
COMMON = Wanted(instructions="Remember pains.", categories=("health",), fields=PART)


class Recorder:
    """A model that finds nothing and remembers what it was asked."""

    model = "recorder"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.schemas: list[Any] = []

    def generate(self, messages: ChatMessages, *, json_schema: Any = None) -> str:
        self.asked.append(str(messages[0]["content"]))
        self.schemas.append(json_schema["properties"]["facts"]["items"]["properties"])
        return '{"facts": []}'

    def generate_stream(self, messages: ChatMessages) -> Any:
        return iter([self.generate(messages, json_schema={"properties": {"facts": {"items": {"properties": {}}}}})])


@pytest.mark.parametrize(
    ("own", "holds"),
    [
        (ReadingConfig(), COMMON),
        (
            ReadingConfig(instructions=" Remember trips. "),
            Wanted(instructions="Remember trips.", categories=("health",), fields=PART),
        ),
        (
            ReadingConfig(categories=("travel",)),
            Wanted(instructions="Remember pains.", categories=("travel",), fields=PART),
        ),
        (
            ReadingConfig(fact_schema=PLACE),
            Wanted(instructions="Remember pains.", categories=("health",), fields=PLACE),
        ),
        (ReadingConfig(instructions="", categories=()), Wanted(fields=PART)),
    ],
)
def test_field_by_field_the_cubes_word_goes_before_the_readers(own: ReadingConfig, holds: Wanted) -> None:
    assert choose_wanted(own, COMMON) == holds


def test_where_the_reader_wants_nothing_the_cubes_word_holds_alone() -> None:
    assert choose_wanted(ReadingConfig(categories=("travel",)), Wanted()) == Wanted(categories=("travel",))


def test_a_cubes_reader_asks_the_same_model_and_leaves_the_other_as_it_was() -> None:
    model = Recorder()
    common = SimpleStructReader(model, max_chars=20, cut=lambda text: [text[:9], text[9:]], wanted=COMMON)
    trips = common.for_cube(ReadingConfig(instructions="Remember trips.", fact_schema=PLACE))
    assert trips.llm is model
    turns = conversation(message("My knee hurts, and Rome."))
    trips.read([turns])
    asked = len(model.asked)
    common.read([turns])
    assert (asked, len(model.asked)) == (2, 4)  # both cut the message where it may be cut
    assert all(each.endswith("Remember trips.") for each in model.asked[:2])
    assert all(each.endswith("Remember pains.") for each in model.asked[2:])
    assert [list(each["info"]["properties"]) for each in model.schemas] == [["place"], ["place"], ["part"], ["part"]]
    assert model.schemas[0]["tags"]["items"]["enum"] == ["health"]


@pytest.mark.parametrize("reader", [RulesReader(), DocumentReader()])
def test_a_reader_without_a_model_reads_as_ever(reader: RulesReader | DocumentReader) -> None:
    assert reader.for_cube(ReadingConfig(instructions="Remember nothing.")) is reader
