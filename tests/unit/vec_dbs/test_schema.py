"""The stamp that says what a collection was made for."""

import pytest

from memos.errors import InvalidConfig
from memos.vec_dbs.schema import INDEX, RECORDS, Shape, build_stamp, check_kind, check_stamp

WANTED = build_stamp(dimension=384, model="minilm")


def test_the_stamp_of_each_kind_of_collection_says_what_it_is() -> None:
    assert WANTED == '{"dimension": 384, "model": "minilm", "schema": 3}'
    kept = build_stamp(dimension=384, model="minilm", shape=RECORDS)
    assert kept == '{"dimension": 384, "model": "minilm", "records": 1, "schema": 1}'


def test_what_was_made_for_this_is_taken() -> None:
    check_stamp(WANTED, WANTED, collection="c")


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (build_stamp(dimension=3, model="minilm"), "3 dimensions .* 384 dimensions"),
        (build_stamp(dimension=384, model="other"), "'other' .* 'minilm'"),
        (build_stamp(dimension=384, model="minilm", shape=RECORDS), "records 1"),
        ("", "not made by memos"),
        ("[]", "not made by memos"),
        ('{"schema": 1}', "not made by memos"),
    ],
)
def test_what_was_made_for_something_else_is_refused_with_both_sides(found: str, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        check_stamp(found, WANTED, collection="c")


def test_an_index_is_made_anew_and_records_are_carried_over() -> None:
    with pytest.raises(InvalidConfig, match="run `memos index rebuild`"):
        check_stamp(build_stamp(dimension=3, model="other"), WANTED, collection="c")
    kept = [build_stamp(dimension=3, model=model, shape=RECORDS) for model in ("other", "minilm")]
    with pytest.raises(InvalidConfig, match=r"dump the cubes .* load them"):
        check_stamp(*kept, collection="c")


@pytest.mark.parametrize("shape", [INDEX, RECORDS])
def test_what_is_of_a_kind_is_so_in_every_version_and_for_every_model(shape: Shape) -> None:
    older = build_stamp(dimension=3, model="m", shape=shape).replace('"schema": ', '"schema": 9')
    check_kind(older, shape, collection="c")


@pytest.mark.parametrize(
    ("found", "shape", "complaint"),
    [
        (build_stamp(dimension=3, model="m", shape=RECORDS), INDEX, "holds something else .*records 1"),
        (build_stamp(dimension=3, model="m"), RECORDS, "holds something else"),
        ('{"schema": 1}', INDEX, "not made by memos"),
        ("", INDEX, "not made by memos"),
    ],
)
def test_what_is_of_another_kind_is_refused(found: str, shape: Shape, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        check_kind(found, shape, collection="c")
