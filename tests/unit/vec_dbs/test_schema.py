"""The stamp that says what a collection was made for."""

import pytest

from memos.errors import InvalidConfig
from memos.vec_dbs.schema import RECORDS, build_stamp, check_stamp

WANTED = build_stamp(dimension=384, model="minilm")


def test_collections_that_were_made_before_records_existed_keep_their_stamp() -> None:
    assert WANTED == '{"dimension": 384, "model": "minilm", "schema": 1}'


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
