"""What a cube wants of its facts, as JSON and back: nothing else is taken for it."""

import pytest

from memos.configs.reading import ReadingConfig
from memos.errors import Corrupt
from memos.graph_dbs.rows import read_reading, reading_json
from memos.ids import CubeId

CUBE = CubeId("clinic")


def test_only_what_is_said_is_written() -> None:
    assert reading_json(ReadingConfig(instructions="Remember pains.")) == '{"instructions":"Remember pains."}'
    assert reading_json(ReadingConfig()) == "{}"
    assert read_reading("{}", CUBE) == ReadingConfig()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "null",
        "[]",
        '{"instructions": 7}',
        '{"categories": ["a", "A"]}',
        '{"tone": "dry"}',
        '{"fact_schema": {}}',
    ],
)
def test_what_is_no_reading_is_corrupt_and_names_the_cube(said: str) -> None:
    with pytest.raises(Corrupt, match=r"'clinic'.*MOS\.set_reading"):
        read_reading(said, CUBE)
