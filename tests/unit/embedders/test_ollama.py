"""What is Ollama's own; the rest is in tests/contract/test_embedders.py."""

from typing import Any

import pytest

from memos.configs.embedder import OllamaEmbedderConfig
from memos.embedders.ollama import open_ollama
from memos.errors import InvalidRequest
from tests.support.embedding_server import OllamaEmbeddings, serving


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"truncate": True}),
        ({"truncate": False, "keep_alive": "5m"}, {"truncate": False, "keep_alive": "5m"}),
        ({"keep_alive": 0}, {"truncate": True, "keep_alive": 0}),
        ({"embedding_dims": 512}, {"truncate": True}),
    ],
)
def test_parameters_reach_the_server(changes: dict[str, Any], sent: dict[str, Any]) -> None:
    with serving(OllamaEmbeddings()) as server:
        config = OllamaEmbedderConfig.model_validate({"api_base": server.url, **changes})
        assert open_ollama(config).embed(["a"])
        assert server.requests[0].body == {"model": "nomic-embed-text", "input": ["a"], **sent}


def test_a_model_that_is_not_there_is_to_be_pulled() -> None:
    with serving(OllamaEmbeddings()) as server:
        config = OllamaEmbedderConfig.model_validate({"api_base": server.url, "model": "bge-m3"})
        with pytest.raises(InvalidRequest, match=r'"bge-m3" not found.*ollama pull bge-m3'):
            open_ollama(config).embed(["a"])
