"""Maximal marginal relevance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.recall.diversity import choose_diverse, count_pool

CATS = ["Ana keeps two cats", "Ana keeps two black cats", "Ben sails"]
SCORES = [3.0, 2.9, 1.0]


@pytest.mark.parametrize(("balance", "order"), [(1.0, [0, 1, 2]), (0.4, [0, 2, 1]), (0.0, [0, 2, 1])])
def test_a_repetition_comes_later_unless_relevance_is_all(balance: float, order: list[int]) -> None:
    assert choose_diverse(SCORES, CATS, balance=balance, top_k=3) == order


def test_the_balance_weighs_relevance_against_repetition() -> None:
    """Of the third: 1 - balance for what repeats 2/3 of it at relevance 0.5, against 0 for what repeats nothing."""
    scores, texts = [2.0, 1.0, 0.0], ["red blue", "red blue green", "yellow"]
    assert choose_diverse(scores, texts, balance=0.6, top_k=2) == [0, 1]  # 0.300 - 0.267 > 0
    assert choose_diverse(scores, texts, balance=0.5, top_k=2) == [0, 2]  # 0.250 - 0.333 < 0


def test_forms_of_one_word_are_the_same_word() -> None:
    texts = ["hiking mountains", "hikes mountain", "tea cups"]
    assert choose_diverse([2.0, 1.9, 1.0], texts, balance=0.5, top_k=2) == [0, 2]


def test_no_more_than_asked_for_and_texts_without_words_are_no_repetition() -> None:
    assert choose_diverse([1.0, 1.0, 1.0], ["the", "of", "tea"], balance=0.0, top_k=2) == [0, 1]
    assert choose_diverse([], [], balance=0.5, top_k=2) == []


def test_the_pool_is_larger_than_the_answer() -> None:
    assert [count_pool(top_k) for top_k in (1, 5, 10)] == [20, 20, 30]


@given(st.lists(st.tuples(st.floats(-5, 5), st.text(max_size=20)), max_size=12), st.floats(0, 1))
def test_every_candidate_is_chosen_once(candidates: list[tuple[float, str]], balance: float) -> None:
    scores, texts = [score for score, _ in candidates], [text for _, text in candidates]
    assert sorted(choose_diverse(scores, texts, balance=balance, top_k=99)) == list(range(len(candidates)))
