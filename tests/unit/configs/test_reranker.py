"""The configuration of rerankers: strict fields, two spellings, secrets."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from memos.configs.mem_os import MOSConfig
from memos.configs.memory import TreeTextMemoryConfig
from memos.configs.reranker import RerankerConfigFactory
from memos.errors import InvalidConfig
from memos.rerankers.factory import BACKENDS, RerankerFactory

SERVER = {"backend": "http_bge", "config": {"url": "http://localhost/rerank"}}


def _config(backend: str, **values: Any) -> Any:
    return cast(Any, RerankerConfigFactory.model_validate({"backend": backend, "config": values}).config)


def test_every_configuration_has_its_builder() -> None:
    assert set(BACKENDS.names) == set(RerankerConfigFactory.known)
    assert all(callable(BACKENDS.load(name)) for name in BACKENDS.names)


def test_names_of_memos_are_understood() -> None:
    theirs = _config("http_bge", url="http://e/rerank", model="m", headers_extra={"x-door": "open"})
    assert (theirs.model_name_or_path, list(theirs.headers)) == ("m", ["x-door"])
    assert _config("cross_encoder", model="m").model_name_or_path == "m"


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidConfig, match="known: cosine_local, cross_encoder, http_bge, noop"):
        RerankerConfigFactory.model_validate({"backend": "magic"})


@pytest.mark.parametrize(
    ("backend", "values"),
    [
        ("noop", {"model": "m"}),
        ("cosine_local", {"embedder": {"backend": "magic"}}),
        ("cross_encoder", {}),
        ("cross_encoder", {"model": ""}),
        ("cross_encoder", {"model": "m", "device": "tpu"}),
        ("cross_encoder", {"model": "m", "batch_size": 0}),
        ("cross_encoder", {"model": "m", "max_length": 7}),
        ("http_bge", {}),
        ("http_bge", {"url": "localhost/rerank"}),
        ("http_bge", {"url": "http://"}),
        ("http_bge", {"url": "http://e", "api": "openai"}),
        ("http_bge", {"url": "http://e", "model": ""}),
        ("http_bge", {"url": "http://e", "batch_size": 1001}),
        ("http_bge", {"url": "http://e", "timeout_s": 0}),
        ("http_bge", {"url": "http://e", "max_retries": 11}),
        ("http_bge", {"url": "http://e", "api_key": "**********"}),
    ],
)
def test_a_value_that_cannot_work_is_refused(backend: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        _config(backend, **values)


def test_a_key_is_written_out_as_a_reference_alone(tmp_path: Path) -> None:
    for key, written in (("env:RERANK_KEY", "env:RERANK_KEY"), ("sk-secret", "**********")):
        values = {"backend": "http_bge", "config": {**SERVER["config"], "api_key": key}}  # type: ignore[dict-item]
        RerankerConfigFactory.model_validate(values).to_json_file(tmp_path / "reranker.json")
        assert json.loads((tmp_path / "reranker.json").read_text())["config"]["api_key"] == written


def test_mos_and_a_tree_have_one() -> None:
    for model in (MOSConfig, TreeTextMemoryConfig):
        assert model.model_validate({}).reranker is None
        assert model.model_validate({"reranker": SERVER}).reranker == RerankerConfigFactory.model_validate(SERVER)


def test_a_factory_makes_what_the_backend_says() -> None:
    reranker = RerankerFactory.from_config(RerankerConfigFactory.model_validate({"backend": "noop"}))
    assert reranker.rerank("q", ["a"]) == [0.0]
