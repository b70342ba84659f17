"""What is worth remembering of a conversation: by rules, or by the language model that a configuration names."""

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from memos.clock import Clock
from memos.configs.llm import LLMConfigFactory
from memos.errors import InvalidRequest, Unavailable
from memos.llms.base import LLM, ChatMessages
from memos.mem_reader.base import Reader
from memos.memories.textual.extraction import extract_items
from memos.memories.textual.item import SourceItem, TextualMemoryItem
from memos.prompts import load_prompt
from memos.settings import Settings

PROCEDURE_PROMPT: Final = "procedure_v1"
AGENT_PROMPT: Final = "agent_v1"
# A record has room for some 60,000 bytes, and a memory may rest on several messages.
MAX_SOURCES: Final = 4
MAX_SOURCE_CHARS: Final = 2000
_NEEDS_MODEL: Final = "needs a language model: add an llm section to the configuration"


class Extraction:
    """Reads conversations. Thread-safe. The model is opened when it is first needed."""

    def __init__(
        self, config: LLMConfigFactory | None, instructions: str | None, settings: Settings, clock: Clock
    ) -> None:
        self._config = config
        self._instructions = instructions
        self._settings = settings
        self._clock = clock
        self._opening = Lock()
        self._opened: LLM | None = None

    def read(
        self, messages: Sequence[Mapping[str, Any]], *, prompt: str | None, is_agents: bool
    ) -> list[TextualMemoryItem]:
        """The facts, with their sources. ``prompt`` is told to the model in the place of the configured instructions.

        ``is_agents`` says that the memories will be the agent's own, and no user's.
        """
        if prompt is not None and self._config is None:
            raise InvalidRequest(f"prompt {_NEEDS_MODEL}; rules take no instructions")
        reader = self._open_reader(prompt or self._instructions, is_agents=is_agents)
        found = extract_items(reader, [messages], clock=self._clock)[0]
        return [item.model_copy(update={"sources": _clip(item.sources)}) for item in found]

    def summarise(self, messages: Sequence[Mapping[str, Any]], *, prompt: str | None) -> str:
        """How the agent of this conversation went about its work. Raises Unavailable when the model says nothing."""
        if self._config is None:
            raise InvalidRequest(f"memory_type 'procedural_memory' {_NEEDS_MODEL}")
        said = [{"role": str(message["role"]), "content": str(message["content"])} for message in messages]
        chat = [
            {"role": "system", "content": prompt or load_prompt("memos.mem0", PROCEDURE_PROMPT)},
            *said,
            {"role": "user", "content": "Write down the procedure of the conversation above."},
        ]
        answer = self._model(self._config).generate(chat).strip()
        if not answer:
            raise Unavailable("llm", "it gave no summary of the procedure; ask again, or use another model")
        return answer

    def _open_reader(self, instructions: str | None, *, is_agents: bool) -> Reader:
        if self._config is None:
            from memos.mem_reader.rules import RulesReader

            return RulesReader()
        from memos.mem_reader.simple_struct import SimpleStructReader

        prompt = load_prompt("memos.mem0", AGENT_PROMPT) if is_agents else ""
        told = [part for part in (prompt, instructions) if part]
        model = self._model(self._config)
        return SimpleStructReader(InstructedLLM(model, "\n\n".join(told)) if told else model)

    def _model(self, config: LLMConfigFactory) -> LLM:
        from memos.llms.factory import LLMFactory

        with self._opening:
            if self._opened is None:
                self._opened = LLMFactory.from_config(config, settings=self._settings)
            return self._opened


class InstructedLLM:
    """A model that is told an application's instructions behind whatever the system message says."""

    def __init__(self, model: LLM, instructions: str) -> None:
        self._model = model
        self._instructions = instructions

    @property
    def model(self) -> str:
        return self._model.model

    def generate(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None = None) -> str:
        return self._model.generate(self._instruct(messages), json_schema=json_schema)

    def generate_stream(self, messages: ChatMessages) -> Iterator[str]:
        return self._model.generate_stream(self._instruct(messages))

    def _instruct(self, messages: ChatMessages) -> list[dict[str, str]]:
        first, *rest = [dict(message) for message in messages]
        heading = "Follow these instructions too, as far as the form of the answer allows:"
        return [{**first, "content": f"{first['content']}\n\n{heading}\n\n{self._instructions}"}, *rest]


def attributed_to(item: TextualMemoryItem) -> str:
    """Who said it, in mem0's words: a person, as soon as one of several sources is a person's."""
    roles = {source.role.value for source in item.sources}
    return "user" if "user" in roles or not roles else "assistant"


def _clip(sources: Sequence[SourceItem]) -> tuple[SourceItem, ...]:
    return tuple(
        source.model_copy(update={"content": source.content[:MAX_SOURCE_CHARS]}) for source in sources[:MAX_SOURCES]
    )
