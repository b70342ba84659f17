"""One engine a model in a process: two language models of one directory share its weights."""

import threading
from pathlib import Path

from memos.kv.engines.loading import Device, Dtype
from memos.kv.engines.transformers import TransformersEngine
from memos.models.resolve import resolve_model
from memos.settings import Settings

_engines: dict[tuple[Path, Dtype, Device], TransformersEngine] = {}
_lock = threading.Lock()


def shared_engine(model_dir: Path, *, dtype: Dtype = "float32", device: Device = "auto") -> TransformersEngine:
    """The process's engine for this directory; made on the first call, loaded on its first use."""
    key = (model_dir.resolve(), dtype, device)
    with _lock:
        if key not in _engines:
            _engines[key] = TransformersEngine(key[0], name=model_id_of(key[0]), dtype=dtype, device=device)
        return _engines[key]


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
