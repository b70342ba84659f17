"""Hits within a bound of tokens."""

from hypothesis import given
from hypothesis import strategies as st

from memos.recall.budget import estimate_tokens, pack


def packed(texts: list[str], max_tokens: int | None) -> list[str]:
    return pack(texts, lambda text: text, max_tokens=max_tokens)


def test_three_bytes_are_a_token_and_what_is_begun_counts() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abc", "abcd", "猫")] == [0, 1, 1, 2, 1]


def test_what_does_not_fit_is_skipped_and_a_shorter_one_follows() -> None:
    assert packed(["a" * 6, "b" * 9, "c" * 3], 3) == ["a" * 6, "c" * 3]
    assert packed(["a" * 6, "b" * 9, "c" * 3], 5) == ["a" * 6, "b" * 9]
    assert packed(["a" * 9], 2) == []


def test_without_a_bound_all_are_kept() -> None:
    assert packed(["a" * 900, "b"], None) == ["a" * 900, "b"]


@given(st.lists(st.text(max_size=30)), st.integers(1, 40))
def test_the_bound_holds_and_nothing_that_would_still_fit_is_left_out(texts: list[str], bound: int) -> None:
    kept = packed(texts, bound)
    spent = sum(map(estimate_tokens, kept))
    assert spent <= bound
    assert all(estimate_tokens(text) > bound - spent for text in texts if text not in kept)
