"""A cross-encoder in this process: a tiny one with random weights, made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memos.configs.reranker import CrossEncoderRerankerConfig
from memos.errors import InvalidConfig, Unavailable
from memos.rerankers.cross_encoder import CrossEncoderReranker
from memos.settings import Settings
from tests.support.tiny_reranker import make_tiny_reranker

pytestmark = pytest.mark.models

TEXTS = ["Ana lives in Lisbon", "Ben likes tea", "who knows", "x", ""]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_reranker(tmp_path_factory.mktemp("tiny"))


def open_on(model: Path | str, *, settings: Settings | None = None, **config: Any) -> CrossEncoderReranker:
    values = {"model": str(model), "device": "cpu", **config}
    return CrossEncoderReranker(CrossEncoderRerankerConfig(**values), settings=settings)


@contextmanager
def counted_computations() -> Iterator[list[str]]:
    """One entry for each time that a BERT computes."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    seen: list[str] = []
    handle = register_module_forward_pre_hook(lambda module, _: seen.append(type(module).__name__))
    computed: list[str] = []
    try:
        yield computed
    finally:
        handle.remove()
        computed.extend(name for name in seen if name == "BertModel")


def test_scores_are_those_of_the_library_itself(tiny: Path) -> None:
    from sentence_transformers import CrossEncoder

    reference = CrossEncoder(str(tiny), device="cpu", local_files_only=True)
    expected = reference.predict([("who?", text) for text in TEXTS], show_progress_bar=False).tolist()
    assert open_on(tiny).rerank("who?", TEXTS) == pytest.approx(expected, abs=1e-5)
    assert len({round(found, 3) for found in expected}) == len(TEXTS)


def test_a_computation_has_as_many_texts_as_configured(tiny: Path) -> None:
    for size, expected in ((2, 3), (32, 1)):
        with counted_computations() as computed:
            assert len(open_on(tiny, batch_size=size).rerank("who?", TEXTS)) == len(TEXTS)
        assert len(computed) == expected


def test_what_is_beyond_the_configured_length_is_not_read(tiny: Path) -> None:
    texts = ["abcdefgh", "abcdefghijkl"]
    short, whole = open_on(tiny, max_length=8).rerank("q", texts), open_on(tiny).rerank("q", texts)
    assert short[0] == pytest.approx(short[1], abs=1e-6)
    assert whole[0] != pytest.approx(whole[1], abs=1e-3)


def test_a_model_may_be_an_alias(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text(f'{{"bge-reranker": "{tiny}"}}')
    settings = Settings(model_aliases=tmp_path / "aliases.json")
    assert open_on("bge-reranker", settings=settings).rerank("q", ["a"]) == open_on(tiny).rerank("q", ["a"])


def test_two_rerankers_of_one_model_load_it_once(tmp_path: Path) -> None:
    directory = make_tiny_reranker(tmp_path / "model")
    first = open_on(directory)
    expected = first.rerank("q", ["a"])
    (directory / "model.safetensors").unlink()
    assert open_on(directory).rerank("q", ["a"]) == expected
    with pytest.raises(Unavailable, match=str(directory)):
        open_on(directory, max_length=9).rerank("q", ["a"])


def test_weights_that_are_a_pickle_are_not_loaded(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    directory = make_tiny_reranker(tmp_path / "model")
    torch.save(load_file(directory / "model.safetensors"), directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match="safetensors"):
        open_on(directory).rerank("q", ["a"])


def test_a_model_that_gives_several_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="gives 3 numbers a text"):
        open_on(make_tiny_reranker(tmp_path / "model", labels=3)).rerank("q", ["a"])


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    directory = make_tiny_reranker(tmp_path / "model")
    weights = load_file(directory / "model.safetensors")
    weights["classifier.weight"] = torch.full_like(weights["classifier.weight"], float("nan"))
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Unavailable, match="a score that is no number"):
        open_on(directory).rerank("q", ["a"])


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=str(tmp_path)):
        open_on(tmp_path).rerank("q", ["a"])


def test_cuda_without_a_device_is_refused(tiny: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(InvalidConfig, match="no CUDA device"):
        open_on(tiny, device="cuda").rerank("q", ["a"])


def test_nothing_is_loaded_before_it_is_needed() -> None:
    assert open_on("./nowhere").rerank("q", []) == []
