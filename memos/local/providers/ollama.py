"""Asking Ollama: which models are pulled, and what one of them can do. No model is loaded for it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from memos.configs.embedder import OllamaEmbedderConfig
from memos.configs.llm import OllamaLLMConfig
from memos.configs.secret import reveal
from memos.llms.ollama_client import client_errors, explain, open_client
from memos.llms.openai_client import Endpoint, reveal_all
from memos.local.providers.finding import TIMEOUT_S, Finding, shorten, wrong_dims

if TYPE_CHECKING:
    import ollama

T = TypeVar("T")


def find_ollama(url: str, key: SecretStr | None = None) -> Finding:
    """Whether a server answers, and what it has pulled. Raises MemosError."""
    listed = _ask(url, key, {}, lambda client: client.list())
    names = [str(model.model) for model in listed.models]
    return Finding(detail=f"answers; {len(names)} models pulled{': ' if names else ''}{shorten(names)}")


def find_ollama_llm(config: OllamaLLMConfig) -> Finding:
    """Whether the server has the model and it can chat. Raises MemosError."""
    key = config.api_key or config.home.find_key(config.url)
    return _find_model(config, key, reveal_all(config.headers), needs="completion")


def find_ollama_embedder(config: OllamaEmbedderConfig) -> Finding:
    """Whether the server has the model, it embeds, and its vectors are as long as expected. Raises MemosError."""
    return _find_model(config, config.api_key, {}, needs="embedding", dims=config.embedding_dims)


def _find_model(
    config: OllamaLLMConfig | OllamaEmbedderConfig,
    key: SecretStr | None,
    headers: Mapping[str, str],
    *,
    needs: str,
    dims: int | None = None,
) -> Finding:
    model = config.model_name_or_path
    shown = _ask(config.url, key, headers, lambda client: _show(client, model))
    if shown is None:
        return Finding(detail="answers, but the model is not pulled", advice=f"ollama pull {model}")
    if shown.capabilities is not None and needs not in shown.capabilities:
        can = ", ".join(shown.capabilities) or "nothing"
        return Finding(detail=f"the model is pulled, but its use is {can}, not {needs}", advice="choose another model")
    return _compare_dims(shown.modelinfo or {}, dims)


def _compare_dims(told: Mapping[str, Any], expected: int | None) -> Finding:
    found = next((value for name, value in told.items() if name.endswith(".embedding_length")), None)
    if expected is None or not isinstance(found, int) or found == expected:
        return Finding(detail="answers; the model is pulled")
    return wrong_dims(found=found, expected=expected)


def _show(client: "ollama.Client", model: str) -> "ollama.ShowResponse | None":
    import ollama

    try:
        return client.show(model)
    except ollama.ResponseError as error:
        if error.status_code == 404:
            return None
        raise


def _ask(url: str, key: SecretStr | None, headers: Mapping[str, str], call: "Callable[[ollama.Client], T]") -> T:
    endpoint = Endpoint(dependency="ollama", url=url, timeout_s=TIMEOUT_S)
    client = open_client(endpoint, key=reveal(key) if key else None, headers=headers)
    try:
        return call(client)
    except client_errors() as error:
        raise explain(error, endpoint).error from error
    finally:
        client.close()
