"""A second look by meaning: which embedder is asked, and how."""

import pytest

from memos.configs.reranker import CosineLocalRerankerConfig
from memos.errors import InvalidConfig, Unavailable
from memos.rerankers.cosine_local import CosineReranker
from memos.settings import Settings
from tests.support.embedding_server import Fault, OpenAIEmbeddings, serving, unit_vector
from tests.support.text import WordEmbedder


def test_a_score_is_the_cosine_of_question_and_text() -> None:
    texts = ["ana lives in lisbon", "ben likes tea", "lisbon"]
    assert CosineReranker(WordEmbedder()).rerank("lisbon", texts) == pytest.approx([0.5, 0, 1])


def test_the_configured_embedder_is_asked_for_a_question_and_for_documents() -> None:
    with serving(OpenAIEmbeddings()) as server:
        named = {"base_url": server.url, "api_key": server.key, "query_prompt": "Q: ", "document_prompt": "D: "}
        config = CosineLocalRerankerConfig.model_validate({"embedder": {"backend": "openai", "config": named}})
        (found,) = CosineReranker.from_config(config, settings=None).rerank("who", ["Ana"])
        assert server.sent_texts == [["Q: who"], ["D: Ana"]]
    assert found == pytest.approx(sum(a * b for a, b in zip(unit_vector("Q: who"), unit_vector("D: Ana"), strict=True)))


def test_an_embedder_that_is_away_is_named() -> None:
    with serving(OpenAIEmbeddings()) as server:
        server.faults = [Fault(status=500)]
        named = {"base_url": server.url, "api_key": server.key, "max_retries": 0}
        config = CosineLocalRerankerConfig.model_validate({"embedder": {"backend": "openai", "config": named}})
        with pytest.raises(Unavailable, match="embedder is unavailable"):
            CosineReranker.from_config(config, settings=None).rerank("who", ["Ana"])


def test_without_one_it_is_the_embedder_of_the_settings() -> None:
    reranker = CosineReranker.from_config(CosineLocalRerankerConfig(), settings=Settings(embedder_model="./nowhere"))
    with pytest.raises(InvalidConfig, match=r"\./nowhere"):
        reranker.rerank("who", ["Ana"])
