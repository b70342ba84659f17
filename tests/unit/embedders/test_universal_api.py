"""Embeddings over HTTP, from a real server."""

from collections.abc import Iterator
from typing import Any

import pytest

from memos.configs.embedder import EmbedderConfigFactory, UniversalAPIEmbedderConfig
from memos.embedders.factory import EmbedderFactory
from memos.embedders.openai import UniversalAPIEmbedder
from memos.errors import QuotaExceeded, Unavailable
from tests.support.openai_server import OpenAIServer, Reply, failure, serving, vectors


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


def _embedder(server: OpenAIServer, **changes: Any) -> UniversalAPIEmbedder:
    values = {"model_name_or_path": "e", "base_url": server.url, "timeout_s": 5, "max_retries": 0}
    return UniversalAPIEmbedder(UniversalAPIEmbedderConfig.model_validate({**values, **changes}))


def test_vectors_come_back_in_order_and_of_unit_length(server: OpenAIServer) -> None:
    server.replies = [vectors([3.0, 4.0], [0.0, 2.0], order=[1, 0])]
    assert _embedder(server).embed(["a", "b"]) == [[0.6, 0.8], [0.0, 1.0]]
    assert server.requests[0]["input"] == ["a", "b"]


def test_the_dimension_is_probed(server: OpenAIServer) -> None:
    server.replies = [vectors([1.0, 0.0, 0.0])]
    assert _embedder(server).dimension == 3


def test_texts_go_in_batches(server: OpenAIServer) -> None:
    server.replies = [vectors([1.0], [1.0]), vectors([1.0])]
    assert len(_embedder(server, batch_size=2).embed(["a", "b", "c"])) == 3
    assert [sent["input"] for sent in server.requests] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    "reply",
    [
        vectors([1.0]),
        vectors([1.0], [1.0], [1.0]),
        vectors([1.0, 0.0], [1.0]),
        vectors([0.0], [1.0]),
        Reply(body='{"object": "list", "data": []}'),
        Reply(body='{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1]}]}'),
        Reply(body="{}"),
        Reply(body="<html>", headers={"Content-Type": "text/html"}),
        Reply(body='{"data": 3}'),
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_refused(server: OpenAIServer, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(Unavailable, match=r"embedder is unavailable: .* cannot be used"):
        _embedder(server).embed(["a", "b"])


def test_a_dimension_that_changes_is_refused(server: OpenAIServer) -> None:
    server.replies = [vectors([1.0]), vectors([1.0, 0.0])]
    embedder = _embedder(server)
    embedder.embed(["a"])
    with pytest.raises(Unavailable, match="a vector of 2 numbers after ones of 1"):
        embedder.embed(["a"])


def test_errors_are_of_our_families(server: OpenAIServer) -> None:
    server.replies = [failure(429, Retry_After="3"), failure(401)]
    with pytest.raises(QuotaExceeded):
        _embedder(server).embed(["a"])
    with pytest.raises(Unavailable, match=r"embedder is unavailable: .*refused the API key"):
        _embedder(server).embed(["a"])


def test_an_empty_text_and_lone_surrogates_reach_the_server_as_text(server: OpenAIServer) -> None:
    server.replies = [vectors([1.0], [1.0])]
    _embedder(server).embed(["", "\ud800"])
    assert server.requests[0]["input"] == [" ", "\ufffd"]


@pytest.mark.parametrize(("cache_size", "requests"), [(10, 1), (0, 2)])
def test_the_factory_adds_a_cache_of_the_wanted_size(server: OpenAIServer, cache_size: int, requests: int) -> None:
    server.replies = [vectors([1.0])]
    config = {"model_name_or_path": "e", "base_url": server.url, "cache_size": cache_size}
    embedder = EmbedderFactory.from_config(
        EmbedderConfigFactory.model_validate({"backend": "universal_api", "config": config})
    )
    assert embedder.embed(["a"]) == embedder.embed(["a"])
    assert len(server.requests) == requests
    embedder.embed([])
    assert len(server.requests) == requests
