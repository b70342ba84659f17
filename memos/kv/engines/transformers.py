"""The engine over Hugging Face transformers: KV states are computed, extended and started from, and never written into.

encode ──> ids ──┬─ prefill(base) ──> KVState ──> ArtefactStore
                 └─ stream(state)  ──> text     first a copy of the state, then the rest of the prompt, then
                                                one token at a time; the last token of a prompt is always
                                                computed, since its logits choose the first new one
"""

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.kv.engines.base import Decoding
from memos.kv.engines.chat_tokens import ChatTokenizer
from memos.kv.engines.detokenizer import detokenize
from memos.kv.engines.fingerprint import fingerprint_model, full_attention_layers, unkept_layer_types
from memos.kv.engines.loading import (
    Described,
    Device,
    Dtype,
    choose_device,
    load_description,
    load_weights,
)
from memos.kv.engines.roomy_cache import close_cache, open_cache
from memos.kv.engines.sampling import choose_token
from memos.kv.manifest import ModelFingerprint
from memos.kv.state import KVState, common_prefix_length
from memos.llms.base import ChatMessages

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers.cache_utils import Cache

# A prompt is computed in pieces of this many tokens, which bounds the memory that attention takes.
_CHUNK_TOKENS: Final = 512
_ROOM_FOR_ANSWER: Final = 256


class TransformersEngine:
    """One model in this process, loaded when first needed. Thread-safe: the steps of several streams alternate.

    Models whose KV states cannot be kept run as well; only their ``fingerprint``, ``prefill`` and a given ``state``
    are refused, with InvalidConfig.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        name: str | None = None,
        dtype: Dtype = "float32",
        device: Device = "auto",
        threads: int | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise InvalidConfig(f"threads must be at least 1, not {threads}")
        self._model_dir = model_dir
        self._name = name or model_dir.name
        self._dtype: Dtype = dtype
        self._wanted_device: Device = device
        self._threads = threads
        self._loading = threading.RLock()
        self._step = threading.Lock()  # some models keep scratch tensors between the layers of one pass

    @property
    def name(self) -> str:
        """The model's name, as in its fingerprint."""
        return self._name

    @property
    def fingerprint(self) -> ModelFingerprint:
        """Raises InvalidConfig when the KV states of this model cannot be kept exactly."""
        with self._loading:
            return self._fingerprint

    @property
    def context_tokens(self) -> int:
        """How many tokens a prompt and its answer may have together."""
        text: Any = self._describe().config.get_text_config(decoder=True)
        return int(text.max_position_embeddings)

    def load(self) -> None:
        """Load everything now instead of at the first use."""
        self._weights()

    def render(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> str:
        """The text of a prompt."""
        return self._chat_tokens().render(messages, add_generation_prompt=add_generation_prompt)

    def encode(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> list[int]:
        """The token ids of a prompt."""
        return self._chat_tokens().encode(messages, add_generation_prompt=add_generation_prompt)

    def prefill(self, ids: Sequence[int], *, base: KVState | None = None) -> KVState:
        """The state after ``ids``. With a base, only the tokens after it are computed."""
        self._check(ids, base)
        if base is not None and base.token_count == len(ids):
            return base
        full_attention_layers(self._describe().config, self._name)  # refuses what cannot be kept
        cached = self._open(base, room=len(ids))
        start = 0 if base is None else base.token_count
        self._feed(ids[start:], cached)
        return close_cache(cached, tuple(ids))

    def logits(self, ids: Sequence[int], *, state: KVState | None = None) -> "Tensor":
        """The row of logits after the prompt, in float32: what the first new token is chosen from."""
        self._check(ids, state)
        return self._start(ids, state)[1].float()

    def stream(
        self, ids: Sequence[int], *, state: KVState | None = None, options: Decoding | None = None
    ) -> Iterator[str]:
        """The answer, as it is produced. Stops at the model's end token, or at the end of its context."""
        self._check(ids, state)
        chosen = options or Decoding()
        room = self.context_tokens - len(ids)
        if room < 1:
            raise InvalidRequest(
                f"the prompt has {len(ids)} tokens and {self.name} takes {self.context_tokens} with the answer; "
                "shorten it"
            )
        tokens = self._generate(ids, state, chosen, limit=min(chosen.max_new_tokens, room))
        return detokenize(tokens, self._chat_tokens().decode)

    def _generate(self, ids: Sequence[int], state: KVState | None, options: Decoding, *, limit: int) -> Iterator[int]:
        ends = self._chat_tokens().end_tokens(self._weights().generation_config)
        generator = self._generator(options)
        cached, row = self._start(ids, state)
        for produced in range(1, limit + 1):
            token = choose_token(row, options, generator)
            if token in ends:
                return
            yield token
            if produced < limit:
                row = self._forward([token], cached)

    def _start(self, ids: Sequence[int], state: KVState | None) -> "tuple[Cache, Tensor]":
        reused = None if state is None else state.first(len(ids) - 1)
        cached = self._open(reused, room=len(ids) + _ROOM_FOR_ANSWER)
        rest = ids[0 if reused is None else reused.token_count :]
        return cached, self._feed(rest, cached)

    def _open(self, state: KVState | None, *, room: int) -> "Cache":
        config = self._describe().config
        if state is None and unkept_layer_types(config):
            from transformers import DynamicCache

            return DynamicCache(config=config)
        layers = full_attention_layers(config, self._name)
        reused = state if state is not None and state.token_count else None
        return open_cache(len(layers), state=reused, room=room, device=str(self._weights().device))

    def _feed(self, ids: Sequence[int], cached: "Cache") -> "Tensor":
        """Compute all of ``ids``, of which there is at least one; the row of logits after the last."""
        split = (len(ids) - 1) // _CHUNK_TOKENS * _CHUNK_TOKENS
        for start in range(0, split, _CHUNK_TOKENS):
            self._forward(ids[start : start + _CHUNK_TOKENS], cached)
        return self._forward(ids[split:], cached)

    def _forward(self, ids: Sequence[int], cached: "Cache") -> "Tensor":
        import torch

        model = self._weights()
        fed = torch.tensor([list(ids)], dtype=torch.long, device=model.device)
        try:
            # no_grad and not inference_mode: the cache is written into again by later steps of any thread.
            with self._step, torch.no_grad():
                return model(input_ids=fed, past_key_values=cached, use_cache=True, logits_to_keep=1).logits[0, -1]
        except torch.OutOfMemoryError as error:
            raise Unavailable(f"model {self.name}", f"out of GPU memory: {error}") from error

    def _generator(self, options: Decoding) -> "Generator | None":
        import torch

        if options.temperature == 0 or options.seed is None:
            return None
        return torch.Generator(device=self._weights().device).manual_seed(options.seed)

    def _check(self, ids: Sequence[int], state: KVState | None) -> None:
        if not 1 <= len(ids) <= self.context_tokens:
            raise InvalidRequest(f"a prompt for {self.name} has 1 to {self.context_tokens} tokens, not {len(ids)}")
        if state is not None and common_prefix_length(state.token_ids, ids) < state.token_count:
            raise InvalidRequest("the KV state is not of a prefix of this prompt; take its exact part with first()")

    def _describe(self) -> Described:
        with self._loading:
            return self._described

    def _chat_tokens(self) -> ChatTokenizer:
        with self._loading:
            return self._tokens

    def _weights(self) -> Any:
        with self._loading:
            return self._model

    @cached_property
    def _described(self) -> Described:
        return load_description(self._model_dir)

    @cached_property
    def _tokens(self) -> ChatTokenizer:
        return ChatTokenizer(self._described)

    @cached_property
    def _fingerprint(self) -> ModelFingerprint:
        described = self._described
        return fingerprint_model(
            self._model_dir,
            described.config,
            model_id=self._name,
            dtype=self._dtype,
            chat_template=described.chat_template,
        )

    @cached_property
    def _model(self) -> Any:
        import torch

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        return load_weights(self._model_dir, dtype=self._dtype, device=choose_device(self._wanted_device))
