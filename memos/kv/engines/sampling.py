"""Choosing the next token from a row of logits."""

from typing import TYPE_CHECKING

from memos.kv.engines.base import Decoding

if TYPE_CHECKING:
    from torch import Generator, Tensor


def choose_token(logits: "Tensor", options: Decoding, generator: "Generator | None") -> int:
    """The next token id: the likeliest one when greedy, else drawn from the top-k and top-p part."""
    import torch

    if options.temperature == 0:
        return int(logits.argmax())
    scaled = _keep_top_k(logits.float() / options.temperature, options.top_k)
    chances, order = torch.softmax(scaled, dim=-1).sort(descending=True)
    # The token that crosses top_p stays, so there is always one.
    chances[chances.cumsum(dim=-1) - chances >= options.top_p] = 0
    drawn = torch.multinomial(chances, 1, generator=generator)
    return int(order[drawn])


def _keep_top_k(logits: "Tensor", top_k: int) -> "Tensor":
    if not 0 < top_k < logits.shape[-1]:
        return logits
    bound = logits.topk(top_k).values[-1]
    return logits.masked_fill(logits < bound, float("-inf"))
