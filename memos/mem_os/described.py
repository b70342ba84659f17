"""What a job tells the worker about the object that submitted it."""

from typing import Any

from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import MemReaderConfigFactory
from memos.errors import InvalidConfig
from memos.wiring import require_local_model


def describe_job(config: MOSConfig, chat_model: LLMConfigFactory) -> dict[str, Any]:
    """What a worker must know to do an add as this object would; secrets are masked. Raises InvalidConfig."""
    reader = None if config.mem_reader is None else config.mem_reader.model_dump(mode="json")
    return {"reader": reader, "kv": _describe_kv(config, chat_model) if config.enable_activation_memory else None}


def refuse_masked(reader: dict[str, Any] | None) -> None:
    """A job carries no secret, so that a mask would arrive at the worker. Raises InvalidConfig."""
    try:
        if reader is not None:
            MemReaderConfigFactory.model_validate(reader)
    except InvalidConfig as error:
        raise InvalidConfig(
            "mem_reader holds a secret in the clear, which jobs do not carry to workers; write env:NAME, and set NAME "
            f"where the workers run ({error})"
        ) from None


def _describe_kv(config: MOSConfig, chat_model: LLMConfigFactory) -> dict[str, Any]:
    named = require_local_model(chat_model).model_dump(include={"model_name_or_path", "dtype"})
    return {"system_prompt": config.system_prompt, "model": named}
