"""Grouping texts: by length for a model, in order for a provider's requests."""

from hypothesis import given
from hypothesis import strategies as st

from memos.embedders.batches import build_batches, split_requests


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1000))
def test_every_position_comes_once_and_no_group_is_too_wide(lengths: list[int], padded_tokens: int) -> None:
    groups = list(build_batches(lengths, padded_tokens=padded_tokens))
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[position] for position in group)
        assert len(group) == 1 or longest * len(group) <= padded_tokens


def test_texts_of_one_length_share_a_group() -> None:
    assert list(build_batches([5, 9, 5, 9], padded_tokens=18)) == [[1, 3], [0, 2]]


@given(st.lists(st.text(max_size=40), max_size=40), st.integers(1, 10), st.integers(1, 60))
def test_every_text_is_sent_once_in_order_and_no_request_is_too_large(texts: list[str], size: int, chars: int) -> None:
    requests = [list(request) for request in split_requests(texts, size=size, chars=chars)]
    assert [text for request in requests for text in request] == texts
    for request in requests:
        assert 1 <= len(request) <= size
        assert len(request) == 1 or sum(map(len, request)) <= chars


def test_requests_are_as_large_as_they_may_be() -> None:
    assert list(split_requests(["aa", "b", "cc", "ddddd"], size=3, chars=4)) == [["aa", "b"], ["cc"], ["ddddd"]]
