"""A KV engine without a model: the state at a token is the sum of all tokens up to it.

So it depends on what came before, and states that were computed apart cannot be joined, as with a real model.
"""

from collections.abc import Iterator, Sequence

import torch

from memos.errors import InvalidRequest
from memos.kv.engines.base import Decoding
from memos.kv.manifest import ModelFingerprint
from memos.kv.state import KVState
from memos.llms.base import ChatMessages

FINGERPRINT = ModelFingerprint(
    model_id="sums",
    weights_hash="w",
    tokenizer_hash="t",
    chat_template_hash="c",
    config_hash="g",
    dtype="float32",
    layer_types=("full_attention",) * 2,
    layers=2,
    kv_heads=1,
    head_dim=2,
    rope="{}",
)


class SumEngine:
    """Encodes characters as their code points. ``prefilled`` has (tokens, tokens of the base) of each prefill."""

    def __init__(self, **fingerprint: str) -> None:
        self.prefilled: list[tuple[int, int]] = []
        self._fingerprint = FINGERPRINT.model_copy(update=fingerprint)

    @property
    def fingerprint(self) -> ModelFingerprint:
        return self._fingerprint

    def encode(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> list[int]:
        text = "".join(f"<{message['role']}>{message['content']}" for message in messages)
        return [ord(character) for character in text + "<assistant>" * add_generation_prompt]

    def prefill(self, ids: Sequence[int], *, base: KVState | None = None) -> KVState:
        if base is not None and tuple(ids[: base.token_count]) != base.token_ids:
            raise InvalidRequest("the base is of no prefix")
        self.prefilled.append((len(ids), 0 if base is None else base.token_count))
        sums = torch.tensor(ids, dtype=torch.float32).cumsum(0).reshape(1, -1, 1).expand(1, len(ids), 2).contiguous()
        return KVState(token_ids=tuple(ids), keys=(sums, sums + 0.25), values=(sums + 0.5, sums + 0.75))

    def stream(
        self, ids: Sequence[int], *, state: KVState | None = None, options: Decoding | None = None
    ) -> Iterator[str]:
        yield "x"
