"""Words that only ask are no evidence."""

import pytest

from memos.recall.question import without_asking


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("Which company does Ana work for now?", "company does Ana work for ?"),
        ("WHO is Ben's sister?", "is Ben's sister?"),
        ("the whole showing", "the whole showing"),
        ("猫はどこ", "猫はどこ"),
        ("Who? What? Why?", "Who? What? Why?"),
        ("कौन हिंदी में गाता है", "कौन हिंदी में गाता है"),
        ("whatever who's somewhat how-to", "whatever who's somewhat -to"),
        ("", ""),
    ],
)
def test_what_only_asks_is_left_out_unless_there_is_nothing_else(question: str, kept: str) -> None:
    assert without_asking(question) == kept
