"""From the name of a reader to the reader."""

from typing import Final, cast

from memos.configs.llm import OpenAILLMConfig
from memos.configs.mem_reader import DEFAULT_MAX_CHARS
from memos.errors import InvalidConfig
from memos.mem_reader.base import Reader
from memos.registry import Registry
from memos.settings import Settings

EXTRACTION_MAX_TOKENS: Final = 4096

READERS: Final = Registry(
    "reader",
    {
        "document": "memos.mem_reader.factory:build_document_reader",
        "rules": "memos.mem_reader.factory:build_rules_reader",
        "simple_struct": "memos.mem_reader.factory:build_simple_struct_reader",
    },
)


def build_reader(name: str, settings: Settings) -> Reader:
    """The reader of that name, as ``settings`` say. Raises InvalidConfig for an unknown name or a missing setting."""
    return cast(Reader, READERS.load(name)(settings))


def build_document_reader(settings: Settings) -> Reader:
    """The reader that takes chunks as they are."""
    del settings
    from memos.documents.reader import DocumentReader

    return DocumentReader()


def build_rules_reader(settings: Settings) -> Reader:
    """The reader that needs no model."""
    from memos.mem_reader.rules import RulesReader

    return RulesReader()


def build_simple_struct_reader(settings: Settings) -> Reader:
    """The reader over the language model of ``settings``. Raises InvalidConfig when none is set."""
    from memos.llms.openai import OpenAILLM
    from memos.mem_reader.simple_struct import SimpleStructReader

    if not settings.llm_base_url or not settings.llm_model:
        raise InvalidConfig(
            "the reader simple_struct needs a language model: set MEMOS_LLM_BASE_URL and MEMOS_LLM_MODEL"
        )
    # Greedy, since facts are wanted and not ideas. A job's repetition is the scheduler's decision, not the client's.
    config = OpenAILLMConfig(
        model_name_or_path=settings.llm_model,
        api_base=settings.llm_base_url,
        api_key=settings.llm_api_key if settings.llm_api_key.get_secret_value() else None,
        temperature=0.0,
        max_tokens=EXTRACTION_MAX_TOKENS,
        max_retries=0,
    )
    return SimpleStructReader(OpenAILLM(config), max_chars=DEFAULT_MAX_CHARS)
