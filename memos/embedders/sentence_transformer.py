"""Embeddings by a model in this process, from a directory, without a network.

The library's own ``encode`` groups texts by their characters and adds 6 ms to a call. Tokenising apart and grouping by
tokens gives twice the throughput on one core and half the latency of a query; bfloat16, where the processor has it,
triples the throughput again at a cosine above 0.999 to float32.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

from memos.embedders.batches import build_batches
from memos.errors import InvalidConfig, Unavailable
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings
from memos.wellformed import well_formed

Dtype = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]

# Found by measurement on MiniLM: smaller groups waste calls, larger ones fall out of the processor's cache.
_PADDED_TOKENS_CPU: Final = 768
_PADDED_TOKENS_CUDA: Final = 32_768
# Characters of a text that the tokenizer gets, for each token that the model reads: text beyond is cut off anyway.
_CHARS_PER_TOKEN: Final = 32


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model in this process. ``tokenizing`` guards its tokenizer, which keeps the truncation of a call in itself."""

    model: Any
    tokenizing: threading.Lock = field(default_factory=threading.Lock)


_loaded: dict[tuple[Path, Device, Dtype], _Loaded] = {}
_loading = threading.Lock()


class SentenceTransformerEmbedder:
    """A sentence-transformers model, loaded at the first use. Thread-safe; texts beyond its length are cut.

    All embedders of one directory, device and type in a process share the weights.
    """

    def __init__(
        self, model: str, *, settings: Settings | None = None, device: Device = "auto", dtype: Dtype = "auto"
    ) -> None:
        self._name = model
        self._settings = settings
        self._device: Device = device
        self._dtype: Dtype = dtype
        self._dimension = 0
        self._weights: _Loaded | None = None

    @property
    def model(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        if not self._dimension:
            self._dimension = len(self.embed(["probe"])[0])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        loaded = self._weights or self._load()
        model = loaded.model
        tokens = _tokenize(loaded, texts)
        budget = _PADDED_TOKENS_CPU if model.device.type == "cpu" else _PADDED_TOKENS_CUDA
        vectors: list[list[float]] = [[] for _ in texts]
        for group in build_batches([len(ids) for ids in tokens], padded_tokens=budget):
            for position, vector in zip(group, _forward(model, [tokens[i] for i in group]), strict=True):
                vectors[position] = vector
        return vectors

    def _load(self) -> _Loaded:
        directory = resolve_model(self._name, self._settings or load_settings())
        key = (directory.resolve(), self._device, self._dtype)
        with _loading:
            if key not in _loaded:
                _loaded[key] = _Loaded(_load_weights(self._name, *key))
            self._weights = _loaded[key]
        return self._weights


def _tokenize(loaded: _Loaded, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    limit = int(loaded.model.max_seq_length)
    cut = [well_formed(text[: limit * _CHARS_PER_TOKEN]) for text in texts]
    with loaded.tokenizing:
        encoded = loaded.model.tokenizer(cut, truncation=True, max_length=limit, return_attention_mask=False)
    return cast(list[list[int]], encoded["input_ids"])


def _load_weights(name: str, directory: Path, device: Device, dtype: Dtype) -> Any:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise InvalidConfig(f"embedder {name!r} needs {error.name!r}: pip install 'memos[local]'") from error
    chosen = _choose_device(device, cuda=torch.cuda.is_available())
    number = torch.bfloat16 if _choose_bfloat16(dtype, chosen) else torch.float32
    try:
        with _no_progress_bars():
            model = SentenceTransformer(
                str(directory), device=chosen, local_files_only=True, model_kwargs={"dtype": number}
            )
    except (OSError, ValueError) as error:
        raise Unavailable("embedder", f"{name!r} cannot be loaded from {directory}: {error}") from error
    return model.eval()


def _forward(model: Any, rows: Sequence[Sequence[int]]) -> list[list[float]]:
    import torch

    width = max(len(row) for row in rows)
    padding = model.tokenizer.pad_token_id or 0
    ids = [[*row, *[padding] * (width - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    features = {
        "input_ids": torch.tensor(ids, device=model.device),
        "attention_mask": torch.tensor(mask, device=model.device),
    }
    with torch.inference_mode():
        vectors = model(features)["sentence_embedding"].float()
        return cast(list[list[float]], torch.nn.functional.normalize(vectors, dim=-1).tolist())


def _choose_device(device: Device, *, cuda: bool) -> Literal["cpu", "cuda"]:
    if device == "auto":
        return "cuda" if cuda else "cpu"
    if device == "cuda" and not cuda:
        raise InvalidConfig("embedder field device: 'cuda' was asked for and torch sees no CUDA device; use 'auto'")
    return device


def _choose_bfloat16(dtype: Dtype, device: Literal["cpu", "cuda"]) -> bool:
    if dtype != "auto":
        return dtype == "bfloat16"
    return device == "cpu" and _computes_bfloat16(Path("/proc/cpuinfo"))


def _computes_bfloat16(cpuinfo: Path) -> bool:
    """Whether Linux lists hardware bfloat16; without it the type is emulated and slower than float32."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())


@contextmanager
def _no_progress_bars() -> Generator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
