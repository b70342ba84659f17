"""From mem0's ``llm`` section to ours, with mem0's names, defaults and variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from memos.configs.llm import LLMConfigFactory
from memos.errors import InvalidConfig
from memos.mem0.section import parse_config, parse_section, refuse_unknown
from memos.settings import read_secret

FindVariable = Callable[[str], str | None]

_ADVICE: Final = "for any other server of OpenAI's protocol take 'openai' with openai_base_url"
_DEFAULTS: Final = {"temperature": 0.1, "max_tokens": 2000, "top_p": 0.1}
_SAME: Final = ("temperature", "max_tokens", "top_p", "top_k")
# Names of mem0's that nothing here stands behind, and why.
_REFUSED: Final = {
    "enable_vision": "memories are made of text; describe what is shown and add that",
    "http_client_proxies": "the SDK takes proxies from HTTPS_PROXY and HTTP_PROXY",
    "is_reasoning_model": "a parameter that a model refuses is left out from then on, whatever its name",
    "lmstudio_response_format": "the form of answers is this project's own",
    "response_callback": "a configuration holds values, not code",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Provider:
    """Where a provider is, and what its configuration calls that."""

    backend: str
    model: str
    url_field: str = ""
    url_variables: tuple[str, ...] = ()
    url: str | None = None
    key_variable: str = ""
    own: tuple[str, ...] = ()


_OPENAI: Final = _Provider(
    backend="openai",
    model="gpt-5-mini",
    url_field="openai_base_url",
    url_variables=("OPENAI_BASE_URL",),
    key_variable="OPENAI_API_KEY",
    own=("reasoning_effort", "store"),
)
_AZURE: Final = _Provider(backend="azure", model="gpt-5-mini", own=("reasoning_effort", "azure_kwargs"))
_PROVIDERS: Final[Mapping[str, _Provider]] = {
    "azure_openai": _AZURE,
    "azure_openai_structured": _AZURE,
    "deepseek": _Provider(
        backend="deepseek",
        model="deepseek-chat",
        url_field="deepseek_base_url",
        url_variables=("DEEPSEEK_API_BASE",),
        key_variable="DEEPSEEK_API_KEY",
    ),
    "groq": _Provider(
        backend="openai",
        model="llama-3.3-70b-versatile",
        url="https://api.groq.com/openai/v1",
        key_variable="GROQ_API_KEY",
    ),
    "lmstudio": _Provider(
        backend="openai",
        model="lmstudio-community/Meta-Llama-3.1-70B-Instruct-GGUF/Meta-Llama-3.1-70B-Instruct-IQ2_M.gguf",
        url_field="lmstudio_base_url",
        url="http://localhost:1234/v1",
    ),
    "minimax": _Provider(
        backend="openai",
        model="MiniMax-M2.7",
        url_field="minimax_base_url",
        url_variables=("MINIMAX_API_BASE",),
        url="https://api.minimax.io/v1",
        key_variable="MINIMAX_API_KEY",
    ),
    "ollama": _Provider(backend="ollama", model="llama3.1:70b", url_field="ollama_base_url"),
    "openai": _OPENAI,
    "openai_structured": _OPENAI,
    "sarvam": _Provider(
        backend="openai",
        model="sarvam-m",
        url_variables=("SARVAM_API_BASE",),
        url="https://api.sarvam.ai/v1",
        key_variable="SARVAM_API_KEY",
    ),
    "together": _Provider(
        backend="openai",
        model="MiniMaxAI/MiniMax-M3",
        url="https://api.together.xyz/v1",
        key_variable="TOGETHER_API_KEY",
    ),
    "vllm": _Provider(
        backend="vllm",
        model="Qwen/Qwen2.5-32B-Instruct",
        url_field="vllm_base_url",
        url_variables=("VLLM_BASE_URL",),
        url="http://localhost:8000/v1",
    ),
    "xai": _Provider(
        backend="openai",
        model="grok-4.3",
        url_field="xai_base_url",
        url_variables=("XAI_API_BASE",),
        url="https://api.x.ai/v1",
        key_variable="XAI_API_KEY",
    ),
}


def llm_from_mem0(section: object, *, find_variable: FindVariable = read_secret) -> LLMConfigFactory:
    """The same language model in our configuration; without a provider it is OpenAI, as there.

    Raises InvalidConfig for an unknown provider or field and lists the known ones. A key in a variable is not read
    here but referred to, and goes to the provider's own address, or to that in the provider's variable, alone.
    """
    name, config = parse_section("llm", section, default="openai", known=_PROVIDERS, advice=_ADVICE)
    provider, what = _PROVIDERS[name], f"llm {name}"
    given = _without_refused(what, parse_config(what, config))
    url_field = (provider.url_field,) if provider.url_field else ()
    refuse_unknown(f"{what} field config", given, ("model", "api_key", *_SAME, *url_field, *provider.own))
    ours = {**_DEFAULTS, **{field: given[field] for field in _SAME if field in given}}
    ours["model_name_or_path"] = given.get("model", provider.model)
    ours |= _extras(given)
    ours |= _azure(given, find_variable) if provider.backend == "azure" else _address(provider, given, find_variable)
    return LLMConfigFactory.model_validate({"backend": provider.backend, "config": ours})


def _without_refused(what: str, given: dict[str, Any]) -> dict[str, Any]:
    for name, reason in _REFUSED.items():
        if given.get(name):
            raise InvalidConfig(f"{what} field {name} cannot be honoured: {reason}")
    if given.get("vision_details", "auto") != "auto":
        raise InvalidConfig(f"{what} field vision_details cannot be honoured: {_REFUSED['enable_vision']}")
    return {name: value for name, value in given.items() if name not in _REFUSED and name != "vision_details"}


def _extras(given: Mapping[str, Any]) -> dict[str, Any]:
    extra = {name: given[name] for name in ("reasoning_effort", "store") if name in given}
    return {"extra_body": extra} if extra else {}


def _address(provider: _Provider, given: Mapping[str, Any], find_variable: FindVariable) -> dict[str, Any]:
    found = {} if "api_key" not in given else {"api_key": given["api_key"]}
    if provider.url_field in given:
        return {**found, "api_base": given[provider.url_field]}
    told = next((url for name in provider.url_variables if (url := find_variable(name))), None)
    url = told or provider.url
    address = {} if url is None else {"api_base": url}
    key = {"api_key": f"env:{provider.key_variable}"} if provider.key_variable and url is not None else {}
    if provider.backend == "vllm" and find_variable("VLLM_API_KEY"):
        key = {"api_key": "env:VLLM_API_KEY"}
    return {**address, **key, **found}


def _azure(given: Mapping[str, Any], find_variable: FindVariable) -> dict[str, Any]:
    own = parse_config("llm azure_openai field azure_kwargs", given.get("azure_kwargs"))
    names = {
        "api_key": ("api_key", "LLM_AZURE_OPENAI_API_KEY"),
        "azure_deployment": ("model_name_or_path", "LLM_AZURE_DEPLOYMENT"),
        "azure_endpoint": ("api_base", "LLM_AZURE_ENDPOINT"),
        "api_version": ("api_version", "LLM_AZURE_API_VERSION"),
    }
    refuse_unknown("llm azure_openai field azure_kwargs", own, (*names, "default_headers"))
    found: dict[str, Any] = {"headers": own.get("default_headers", {})}
    for name, (ours, variable) in names.items():
        told = find_variable(variable)
        if name in own:
            found[ours] = own[name]
        elif told:
            found[ours] = f"env:{variable}" if name == "api_key" else told
    if "api_key" in given:
        found.setdefault("api_key", given["api_key"])
    return found
