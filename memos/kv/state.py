"""A KV state in memory: the keys and values that a model computed for a sequence of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class KVState:
    """Keys and values of every layer, each ``[kv_heads, tokens, head_dim]``. Nobody writes into its tensors."""

    token_ids: tuple[int, ...]
    keys: "tuple[Tensor, ...]"
    values: "tuple[Tensor, ...]"

    @property
    def token_count(self) -> int:
        return len(self.token_ids)

    @property
    def size_bytes(self) -> int:
        """What the tensors weigh."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (*self.keys, *self.values))

    def first(self, tokens: int) -> "KVState":
        """The state of the first tokens: exact, since keys and values depend on no later token. Copies nothing."""
        if tokens >= self.token_count:
            return self
        return KVState(
            token_ids=self.token_ids[:tokens],
            keys=tuple(key[:, :tokens] for key in self.keys),
            values=tuple(value[:, :tokens] for value in self.values),
        )


def common_prefix_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
