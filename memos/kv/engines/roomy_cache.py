"""A KV cache with room to grow: it starts as a copy of a stored state, and appends in place.

The cache of transformers joins its tensors anew for every token, which copies a long prefix once a token. This one
copies it once a request, and the copy is what keeps the stored state as it was.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from memos.kv.state import KVState

if TYPE_CHECKING:
    from torch import Tensor
    from transformers.cache_utils import Cache


def open_cache(layers: int, *, state: KVState | None, room: int, device: str) -> "Cache":
    """A cache that holds ``state`` and has room for ``room`` tokens in all; it grows when that is not enough."""
    from transformers.cache_utils import Cache

    cached = Cache(layers=[_layer_class()(room) for _ in range(layers)])
    if state is not None:
        for index, (key, value) in enumerate(zip(state.keys, state.values, strict=True)):
            cached.update(key.unsqueeze(0).to(device), value.unsqueeze(0).to(device), index)
    return cached


def close_cache(cached: "Cache", token_ids: tuple[int, ...]) -> KVState:
    """The state that a cache holds, as tensors of their own size."""
    layers: list[Any] = list(cached.layers)
    return KVState(
        token_ids=token_ids,
        keys=tuple(layer.keys[0].contiguous() for layer in layers),
        values=tuple(layer.values[0].contiguous() for layer in layers),
    )


@cache
def _layer_class() -> "type[Any]":
    from torch import Tensor
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):
        """``keys`` and ``values`` are views of the filled part of two larger tensors."""

        def __init__(self, room: int) -> None:
            super().__init__()
            self._room = room
            self._buffers: tuple[Tensor, Tensor] | None = None

        def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            start = self.get_seq_length()
            end = start + key_states.shape[-2]
            keys, values = self._with_room_for(end, like=(key_states, value_states))
            keys[..., start:end, :] = key_states
            values[..., start:end, :] = value_states
            self.keys, self.values = keys[..., :end, :], values[..., :end, :]
            return self.keys, self.values

        def _with_room_for(self, end: int, *, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            if self._buffers is None or self._buffers[0].shape[-2] < end:
                self._room = max(self._room, end if self._buffers is None else end * 3 // 2)
                grown = (_empty(like[0], self._room), _empty(like[1], self._room))
                if self._buffers is not None:
                    start = self.get_seq_length()
                    for new, old in zip(grown, self._buffers, strict=True):
                        new[..., :start, :] = old[..., :start, :]
                self._buffers = grown
            return self._buffers

    return RoomyLayer


def _empty(like: "Tensor", room: int) -> "Tensor":
    return like.new_empty((*like.shape[:-2], room, like.shape[-1]))
