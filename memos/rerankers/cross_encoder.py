"""A second look by a model in this process that reads question and text together."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

from memos.configs.reranker import CrossEncoderRerankerConfig
from memos.errors import InvalidConfig, Unavailable
from memos.models.extras import require_local_extra
from memos.models.quiet import no_progress_bars
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings
from memos.wellformed import well_formed

# Characters of a text that the tokenizer gets, for each token that the model reads: text beyond is cut off anyway.
_CHARS_PER_TOKEN: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """A model in this process. ``computing`` lets one thread at a time into its tokenizer."""

    model: Any
    computing: threading.Lock = field(default_factory=threading.Lock)


_Key = tuple[Path, str, int | None]

_loaded: dict[_Key, _Loaded] = {}
_loading = threading.Lock()


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder, loaded at the first use. What is beyond the model's length is cut off.

    All rerankers of one directory and equal options in a process share the weights, which must be safetensors.
    """

    def __init__(self, config: CrossEncoderRerankerConfig, *, settings: Settings | None = None) -> None:
        self._config = config
        self._settings = settings
        self._weights: _Loaded | None = None

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        loaded = self._weights or self._load()
        limit = int(loaded.model.max_seq_length) * _CHARS_PER_TOKEN
        pairs = [(well_formed(query[:limit]), well_formed(text[:limit])) for text in texts]
        with loaded.computing:
            found = loaded.model.predict(pairs, batch_size=self._config.batch_size, show_progress_bar=False)
        scores = cast(list[float], found.tolist())
        if not all(map(math.isfinite, scores)):
            raise Unavailable("reranker", f"{self._config.model_name_or_path!r} gave a score that is no number")
        return scores

    def close(self) -> None:
        """There is nothing to give back: weights live as long as their process."""

    def _load(self) -> _Loaded:
        config = self._config
        directory = resolve_model(config.model_name_or_path, self._settings or load_settings())
        key = (directory.resolve(), config.device, config.max_length)
        with _loading:
            if key not in _loaded:
                _loaded[key] = _Loaded(model=_load_weights(config, key[0]))
            self._weights = _loaded[key]
        return self._weights


def _load_weights(config: CrossEncoderRerankerConfig, directory: Path) -> Any:
    name = config.model_name_or_path
    require_local_extra(f"reranker {name!r}", "torch", "sentence_transformers")
    import torch
    from sentence_transformers import CrossEncoder

    device = _choose_device(config.device, cuda=torch.cuda.is_available())
    try:
        with no_progress_bars():
            model = CrossEncoder(
                str(directory),
                device=device,
                local_files_only=True,
                max_length=config.max_length,
                model_kwargs={"dtype": torch.float32, "use_safetensors": True},
            )
    except (OSError, ValueError) as error:
        raise Unavailable("reranker", f"{name!r} cannot be loaded from {directory}: {error}") from error
    if model.num_labels != 1:
        raise InvalidConfig(f"reranker {name!r} gives {model.num_labels} numbers a text; give a model that gives one")
    return model.eval()


def _choose_device(device: Literal["auto", "cpu", "cuda"], *, cuda: bool) -> str:
    if device == "auto":
        return "cuda" if cuda else "cpu"
    if device == "cuda" and not cuda:
        raise InvalidConfig("reranker field device: 'cuda' was asked for and torch sees no CUDA device; use 'auto'")
    return device
