"""What identifies a model for its KV states, and which models have states that can be kept at all.

Kept are dense decoders in which every layer attends to every token. A sliding window forgets, a linear layer keeps
a sum instead of tokens, and a rotary embedding that depends on the length of the whole prompt makes the state of a
prefix depend on what follows; all of these are refused.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from memos.errors import InvalidConfig, Unavailable
from memos.kv.hashing import canonical_json, hash_file, hash_mapping, hash_text
from memos.kv.manifest import ModelFingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_FULL_ATTENTION: Final = "full_attention"
_LENGTH_DEPENDENT_ROPE: Final = frozenset({"dynamic", "longrope"})
_TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)
# Where a model lies, and who wrote its configuration, say nothing about what it computes.
_VOLATILE_CONFIG: Final = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")
_HASH_CACHE: Final = ".weights-hash.json"


def fingerprint_model(
    model_dir: Path, config: "PreTrainedConfig", *, model_id: str, dtype: str, chat_template: str
) -> ModelFingerprint:
    """The model's fingerprint. Raises InvalidConfig, naming the reason, when its states cannot be kept exactly.

    Reads all weights once; afterwards the hash is taken from a file beside them while their sizes and times stay.
    """
    layer_types = full_attention_layers(config, model_id)
    values = config.to_dict()
    rope = _fixed_rope(values, model_id)
    return ModelFingerprint(
        model_id=model_id,
        weights_hash=weights_hash(model_dir),
        tokenizer_hash=_tokenizer_hash(model_dir),
        chat_template_hash=hash_text(chat_template),
        config_hash=hash_mapping({key: value for key, value in values.items() if key not in _VOLATILE_CONFIG}),
        dtype=dtype,
        layer_types=layer_types,
        layers=len(layer_types),
        kv_heads=_kv_heads(config),
        head_dim=_head_dim(config),
        rope=rope,
    )


def unkept_layer_types(config: "PreTrainedConfig") -> list[str]:
    """The types of a model's layers whose state cannot be kept exactly; empty for a dense model."""
    return sorted(set(_layer_types(config)) - {_FULL_ATTENTION})


def full_attention_layers(config: "PreTrainedConfig", model_id: str) -> tuple[str, ...]:
    """One type per layer. Raises InvalidConfig when some layer's state cannot be kept exactly."""
    if config.is_encoder_decoder:
        raise InvalidConfig(f"model {model_id} is an encoder-decoder; KV states are kept of decoders only")
    others = unkept_layer_types(config)
    if others:
        raise InvalidConfig(
            f"model {model_id} has layers of type {', '.join(others)}, whose KV state cannot be kept exactly; "
            f"only {_FULL_ATTENTION} is supported: choose a dense model, or chat without activation memory"
        )
    return _layer_types(config)


def weights_hash(model_dir: Path) -> str:
    """A hash over the bytes of every safetensors file of a model."""
    files = sorted(model_dir.glob("*.safetensors"))
    if not files:
        raise InvalidConfig(f"{model_dir} has no *.safetensors; weights in other formats are not loaded")
    try:
        facts = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
        remembered = _load_hash(model_dir / _HASH_CACHE, facts)
        return remembered or _hash_weights(model_dir, files, facts)
    except OSError as error:
        raise Unavailable(f"model {model_dir.name}", f"its weights cannot be read: {error}") from error


def _hash_weights(model_dir: Path, files: list[Path], facts: dict[str, list[int]]) -> str:
    total = hash_mapping({file.name: hash_file(file) for file in files})
    scratch = model_dir / f"{_HASH_CACHE}.tmp"
    try:
        scratch.write_text(json.dumps({"files": facts, "hash": total}), encoding="utf-8")
        scratch.replace(model_dir / _HASH_CACHE)
    except OSError:
        pass  # a read-only model directory: the hash is computed anew by each process
    return total


def _load_hash(path: Path, facts: dict[str, list[int]]) -> str | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    matches = isinstance(known, dict) and known.get("files") == facts
    return str(known["hash"]) if matches and "hash" in known else None


def _tokenizer_hash(model_dir: Path) -> str:
    present = (model_dir / name for name in _TOKENIZER_FILES)
    return hash_mapping({path.name: hash_file(path) for path in present if path.is_file()})


def _layer_types(config: "PreTrainedConfig") -> tuple[str, ...]:
    from transformers.cache_utils import get_layer_types_and_kwargs

    return tuple(get_layer_types_and_kwargs(config.get_text_config(decoder=True))[0])


def _fixed_rope(values: dict[str, Any], model_id: str) -> str:
    rope: dict[str, Any] = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    if kind in _LENGTH_DEPENDENT_ROPE:
        raise InvalidConfig(
            f"model {model_id} has a {kind} rotary embedding, which depends on the length of the whole prompt, so "
            "the KV state of a prefix is not exact; choose another model, or chat without activation memory"
        )
    return canonical_json(rope)


def _kv_heads(config: "PreTrainedConfig") -> int:
    text: Any = config.get_text_config(decoder=True)
    return int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads)


def _head_dim(config: "PreTrainedConfig") -> int:
    text: Any = config.get_text_config(decoder=True)
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)
