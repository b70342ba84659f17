"""One engine a model in a process: two language models of one directory share its weights.

An adapter makes another engine, over the same weights. Few of these are kept, those that were asked for last; one that
had to go is made anew when it is asked for again.
"""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from memos.kv.engines.adapted import AdaptedEngine
from memos.kv.engines.base import Adapter
from memos.kv.engines.loading import Device, Dtype
from memos.kv.engines.transformers import TransformersEngine
from memos.models.resolve import resolve_model
from memos.settings import Settings

MAX_ADAPTED: Final = 8

_engines: dict[tuple[Path, Dtype, Device], TransformersEngine] = {}
_adapted: OrderedDict[tuple[TransformersEngine, str], AdaptedEngine] = OrderedDict()
_lock = threading.Lock()


def shared_engine(
    model_dir: Path, *, dtype: Dtype = "float32", device: Device = "auto", adapter: Adapter | None = None
) -> TransformersEngine:
    """The process's engine for this directory; made on the first call, loaded on its first use.

    With an adapter it is another one, of which MAX_ADAPTED are kept; answers that run keep theirs until they end.
    """
    key = (model_dir.resolve(), dtype, device)
    with _lock:
        if key not in _engines:
            _engines[key] = TransformersEngine(key[0], name=model_id_of(key[0]), dtype=dtype, device=device)
        base = _engines[key]
    return base if adapter is None else _adapted_engine(base, adapter)


def engine_from_settings(settings: Settings) -> TransformersEngine:
    """The engine of the model whose KV states workers build and chats use."""
    model_dir = resolve_model(settings.chat_model, settings)
    return shared_engine(model_dir, dtype=settings.chat_dtype, device=settings.device)


def model_id_of(model_dir: Path) -> str:
    """The name in fingerprints: that of the directory, or of the repository for one in the hub's cache.

    It does not depend on the alias or path by which somebody asked for the model, so artefacts fit all of them.
    """
    if model_dir.parent.name == "snapshots" and model_dir.parent.parent.name.startswith("models--"):
        return model_dir.parent.parent.name.removeprefix("models--").replace("--", "/")
    return model_dir.name


def _adapted_engine(base: TransformersEngine, adapter: Adapter) -> TransformersEngine:
    key = (base, adapter.digest)
    with _lock:
        if key not in _adapted:
            _adapted[key] = AdaptedEngine(base, adapter)
        _adapted.move_to_end(key)
        while len(_adapted) > MAX_ADAPTED:
            _adapted.popitem(last=False)
        return _adapted[key]
