"""A model with an adapter in it, beside the model without.

base ──> AdaptedEngine     a copy of the model's structure over the same weights; the adapter is put into the copy,
                           so either answers as if it were alone, and the copy weighs no more than the adapter
"""

import copy
from functools import cached_property
from itertools import chain
from typing import Any

from memos.kv.engines.base import Adapter
from memos.kv.engines.chat_tokens import ChatTokenizer
from memos.kv.engines.loading import Described
from memos.kv.engines.transformers import TransformersEngine
from memos.kv.hashing import hash_mapping
from memos.kv.manifest import ModelFingerprint


class AdaptedEngine(TransformersEngine):
    """Answers like ``base`` with an adapter applied, which happens on the first use; ``load`` raises InvalidRequest
    when it does not fit.

    Its fingerprint is no other adapter's and not the base's, so that none of them uses a state of another.
    """

    def __init__(self, base: TransformersEngine, adapter: Adapter) -> None:
        super().__init__(
            base._model_dir, name=base._name, dtype=base._dtype, device=base._wanted_device, threads=base._threads
        )
        self._base = base
        self._adapter = adapter

    @cached_property
    def _described(self) -> Described:
        return self._base._describe()

    @cached_property
    def _tokens(self) -> ChatTokenizer:
        return self._base._chat_tokens()

    @cached_property
    def _fingerprint(self) -> ModelFingerprint:
        plain = self._base.fingerprint
        both = hash_mapping({"model": plain.weights_hash, "adapter": self._adapter.digest})
        return plain.model_copy(update={"weights_hash": both})

    @cached_property
    def _model(self) -> Any:
        return self._adapter.apply(self._copied())

    def _copied(self) -> Any:
        model = self._base._weights()
        with self._base._step:  # a pass that runs may keep tensors in the modules
            return copy_structure(model)


def copy_structure(model: Any) -> Any:
    """The model once more, over the same tensors: what is put into its modules, the given one does not have."""
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return copy.deepcopy(model, shared)
