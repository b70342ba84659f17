import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.kv.engines.base import Decoding
from memos.kv.engines.detokenizer import detokenize
from memos.kv.engines.sampling import choose_token

LOGITS = torch.tensor([1.0, 3.0, 2.0, -1.0])


def decode_bytes(tokens: object) -> str:
    return bytes(tokens).decode("utf-8", "replace")  # type: ignore[call-overload]


@given(text=st.text(max_size=60))
def test_the_pieces_joined_are_the_text_whatever_the_script(text: str) -> None:
    assert "".join(detokenize(text.encode(), decode_bytes)) == text


@given(raw=st.binary(max_size=60))
def test_bytes_that_are_no_text_come_out_as_their_decoding(raw: bytes) -> None:
    pieces = list(detokenize(raw, decode_bytes))
    assert "".join(pieces) == decode_bytes(raw)
    assert "" not in pieces


def test_a_character_of_several_tokens_comes_whole_and_ascii_at_once() -> None:
    assert list(detokenize("a\N{GRINNING FACE}b".encode(), decode_bytes)) == ["a", "\N{GRINNING FACE}", "b"]


def test_temperature_zero_takes_the_likeliest_token() -> None:
    assert choose_token(LOGITS, Decoding(temperature=0), None) == 1


@pytest.mark.parametrize("options", [Decoding(temperature=5, top_k=1), Decoding(temperature=5, top_p=0.01)])
def test_narrow_sampling_takes_the_likeliest_token(options: Decoding) -> None:
    assert {choose_token(LOGITS, options, None) for _ in range(20)} == {1}


def test_top_k_and_top_p_bound_what_is_drawn() -> None:
    generator = torch.Generator().manual_seed(1)
    drawn = {choose_token(LOGITS, Decoding(temperature=3, top_k=2), generator) for _ in range(200)}
    assert drawn == {1, 2}
    drawn = {choose_token(LOGITS, Decoding(temperature=1, top_p=0.8), generator) for _ in range(200)}
    assert drawn == {1, 2}


def test_one_seed_draws_the_same_tokens() -> None:
    def draw() -> list[int]:
        generator = torch.Generator().manual_seed(7)
        return [choose_token(LOGITS, Decoding(temperature=2), generator) for _ in range(20)]

    assert draw() == draw()


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"top_k": -1}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest):
        Decoding(**wrong)  # type: ignore[arg-type]
