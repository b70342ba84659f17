import json
from pathlib import Path

import pytest
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig, Qwen2Config, T5Config

from memos.errors import InvalidConfig
from memos.kv.engines.fingerprint import fingerprint_model, full_attention_layers, unkept_layer_types, weights_hash
from memos.kv.engines.registry import model_id_of
from memos.kv.manifest import ModelFingerprint

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def fingerprint_of(model_dir: Path, config: PreTrainedConfig, template: str = "t") -> ModelFingerprint:
    return fingerprint_model(model_dir, config, model_id="m", dtype="float32", chat_template=template)


def test_a_dense_model_is_described_in_full(model_dir: Path) -> None:
    found = fingerprint_of(model_dir, Qwen2Config(**SMALL))
    assert found.layer_types == ("full_attention",) * 3
    assert (found.layers, found.kv_heads, found.head_dim) == (3, 2, 8)
    assert json.loads(found.rope)["rope_type"] == "default"


def test_whatever_changes_what_a_model_computes_changes_its_fingerprint(model_dir: Path) -> None:
    config = LlamaConfig(**SMALL)
    first = fingerprint_of(model_dir, config)
    assert fingerprint_of(model_dir, config) == first
    assert first.differing_fields(fingerprint_of(model_dir, config, "other")) == ["chat_template_hash"]
    eps = LlamaConfig(**SMALL, rms_norm_eps=0.5)
    assert first.differing_fields(fingerprint_of(model_dir, eps)) == ["config_hash"]
    (model_dir / "tokenizer.json").write_text('{"a": 1}')
    assert first.differing_fields(fingerprint_of(model_dir, config)) == ["tokenizer_hash"]


def test_one_changed_byte_of_the_weights_changes_the_hash(model_dir: Path) -> None:
    before = weights_hash(model_dir)
    assert weights_hash(model_dir) == before
    (model_dir / "model.safetensors").write_bytes(b"weighty")
    assert weights_hash(model_dir) != before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": 1, "hash": "x"}'])
def test_a_damaged_memory_of_the_hash_is_ignored(text: str, model_dir: Path) -> None:
    before = weights_hash(model_dir)
    (model_dir / ".weights-hash.json").write_text(text)
    assert weights_hash(model_dir) == before


def test_a_model_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(InvalidConfig, match="safetensors"):
        weights_hash(tmp_path)


def test_a_sliding_window_is_refused_by_name(model_dir: Path) -> None:
    config = MistralConfig(**SMALL, sliding_window=16)
    assert unkept_layer_types(config) == ["sliding_attention"]
    with pytest.raises(InvalidConfig, match="sliding_attention"):
        fingerprint_of(model_dir, config)


def test_a_model_that_mixes_layer_types_is_refused(model_dir: Path) -> None:
    layer_types = ["full_attention", "sliding_attention", "full_attention"]
    config = Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=8, layer_types=layer_types)
    with pytest.raises(InvalidConfig, match="sliding_attention"):
        fingerprint_of(model_dir, config)


def test_an_encoder_decoder_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="encoder-decoder"):
        full_attention_layers(T5Config(num_layers=2), "t5")


def test_a_rotary_embedding_that_depends_on_the_prompts_length_is_refused(model_dir: Path) -> None:
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    with pytest.raises(InvalidConfig, match="dynamic rotary"):
        fingerprint_of(model_dir, LlamaConfig(**SMALL, rope_parameters=rope))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/models/smollm2-135m", "smollm2-135m"),
        ("/cache/hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de", "Qwen/Qwen3-0.6B"),
    ],
)
def test_the_id_of_a_model_does_not_depend_on_how_it_was_asked_for(path: str, name: str) -> None:
    assert model_id_of(Path(path)) == name
