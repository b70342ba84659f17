"""Language models that run in this process with transformers."""

import copy
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from memos.configs.llm import HuggingFaceLLMConfig
from memos.kv.engines.base import Adapter, Decoding
from memos.kv.engines.registry import shared_engine
from memos.kv.engines.transformers import TransformersEngine
from memos.llms.base import ChatMessages, OnUsage, Usage
from memos.llms.think import without_thoughts
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings

_shared: dict[tuple[HuggingFaceLLMConfig, Path], "HuggingFaceLLM"] = {}
_sharing = threading.Lock()


class HuggingFaceLLM:
    """A chat model on this machine. Thread-safe; models of one directory, dtype and device share their weights.

    Making one finds the model's directory, which may convert or download it; nothing is loaded before the first
    answer. ``temperature`` 0 makes answers greedy.
    """

    def __init__(self, config: HuggingFaceLLMConfig, *, settings: Settings | None = None) -> None:
        self._config = config
        self._model_dir = resolve_model(config.model_name_or_path, settings or load_settings())
        self._engine = shared_engine(self._model_dir, dtype=config.dtype, device=config.device)

    @property
    def model(self) -> str:
        return self._config.model_name_or_path

    @property
    def engine(self) -> TransformersEngine:
        """What computes; it is the one that KV artefacts are built and used with."""
        return self._engine

    @property
    def decoding(self) -> Decoding:
        """How this model's answers are chosen."""
        return Decoding(
            max_new_tokens=self._config.max_tokens,
            temperature=self._config.temperature if self._config.do_sample else 0.0,
            top_p=self._config.top_p,
            top_k=self._config.top_k,
        )

    @property
    def keeps_thoughts(self) -> bool:
        """True when a leading ``<think>`` part stays in the answers."""
        return not self._config.remove_think_prefix

    def with_adapter(self, adapter: Adapter) -> "HuggingFaceLLM":
        """This model with an adapter, over the same weights; this one goes on as it is. Applied on its first use."""
        config, adapted = self._config, copy.copy(self)
        adapted._engine = shared_engine(self._model_dir, dtype=config.dtype, device=config.device, adapter=adapter)
        return adapted

    def generate(
        self,
        messages: ChatMessages,
        *,
        json_schema: Mapping[str, Any] | None = None,
        on_usage: OnUsage | None = None,
    ) -> str:
        """The whole answer. A schema is told to the model in words; nothing forces it to obey."""
        asked = messages if json_schema is None else with_schema(messages, json_schema)
        return "".join(self.generate_stream(asked, on_usage=on_usage))

    def generate_stream(self, messages: ChatMessages, *, on_usage: OnUsage | None = None) -> Iterator[str]:
        """The answer in pieces, as they are produced."""
        ids = self._engine.encode(messages, add_generation_prompt=self._config.add_generation_prompt)
        pieces = self._engine.stream(ids, options=self.decoding)
        if on_usage is not None:
            pieces = self._counted(ids, pieces, on_usage)
        return pieces if self.keeps_thoughts else without_thoughts(pieces)

    def _counted(self, ids: Sequence[int], pieces: Iterator[str], on_usage: OnUsage) -> Iterator[str]:
        said: list[str] = []
        for piece in pieces:
            said.append(piece)
            yield piece
        on_usage(Usage(prompt_tokens=len(ids), completion_tokens=self._count("".join(said))))

    def _count(self, text: str) -> int:
        """The answer's tokens as the tokenizer splits its text: what a turn with it has more than one without."""
        turns = ([{"role": "assistant", "content": content}] for content in (text, ""))
        whole, empty = (len(self._engine.encode(turn, add_generation_prompt=False)) for turn in turns)
        return whole - empty


def shared_llm(config: HuggingFaceLLMConfig, *, settings: Settings | None = None) -> HuggingFaceLLM:
    """The process's one model for this configuration; equal configurations get the same object."""
    known = settings or load_settings()
    key = (config, resolve_model(config.model_name_or_path, known).resolve())
    with _sharing:
        if key not in _shared:
            _shared[key] = HuggingFaceLLM(config, settings=known)
        return _shared[key]


def with_schema(messages: ChatMessages, json_schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """The chat with the order to answer in JSON of this schema, at the end of its system message."""
    order = f"Answer with nothing but one JSON value that matches this JSON Schema:\n{json.dumps(json_schema)}"
    chat = [dict(message) for message in messages]
    if chat and chat[0].get("role") == "system":
        return [{**chat[0], "content": f"{chat[0].get('content', '')}\n\n{order}"}, *chat[1:]]
    return [{"role": "system", "content": order}, *chat]
