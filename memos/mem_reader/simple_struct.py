"""Reading by a language model that is held to a JSON schema.

conversations of a lane ──> windows ──> one call each ──> checked ──> facts, each with its evidence
                                           ^                 │ unusable: asked again once, with the reason
                                           └─────────────────┘
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from memos.configs.chunker import ChunkerConfigFactory
from memos.configs.mem_reader import DEFAULT_MAX_CHARS, SimpleStructMemReaderConfig
from memos.configs.reading import ReadingConfig
from memos.documents.factory import ChunkerFactory
from memos.errors import InvalidRequest, Unavailable
from memos.llms.base import LLM
from memos.llms.factory import LLMFactory
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.extraction import (
    Extracted,
    UnusableAnswerError,
    build_question,
    build_schema,
    parse_answer,
)
from memos.mem_reader.wanted import Wanted, choose_wanted, describe_wanted
from memos.mem_reader.windows import Cut, Excerpt, build_windows
from memos.memories.textual.extraction import extract_items
from memos.memories.textual.item import TextualMemoryItem
from memos.prompts import load_prompt
from memos.settings import Settings

logger = logging.getLogger(__name__)

PROMPT_VERSION: Final = "extract_v2"
_REPEATED_CHARS: Final = 2000


class SimpleStructReader:
    """Facts by a language model; several conversations share a call up to ``max_chars`` of text.

    A longer message is read in parts: ``cut`` says where it may be cut, without one it is anywhere.
    A fact whose evidence is no message of its input, or only an assistant's echo of a person, is dropped, logged and
    counted in ``dropped_facts``; a field of a fact that is not as ``wanted`` says, in ``dropped_fields``. Messages of
    two users never share a call, so that no fact can point at another user's message.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        max_chars: int = DEFAULT_MAX_CHARS,
        cut: Cut | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        self._llm = llm
        self._cut = cut
        self._max_chars = max_chars
        self._wanted = wanted or Wanted()
        self._dropped_facts = 0
        self._dropped_fields = 0

    @property
    def keeps_answers(self) -> bool:
        return True

    @property
    def llm(self) -> LLM:
        return self._llm

    def for_cube(self, own: ReadingConfig) -> "SimpleStructReader":
        """Counts for itself what it drops."""
        wanted = choose_wanted(own, self._wanted)
        return SimpleStructReader(self._llm, max_chars=self._max_chars, cut=self._cut, wanted=wanted)

    @property
    def dropped_facts(self) -> int:
        """How many facts this reader dropped so far."""
        return self._dropped_facts

    @property
    def dropped_fields(self) -> int:
        """How many tags and fields of the facts that it kept this reader dropped so far."""
        return self._dropped_fields

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        facts: list[dict[str, Fact]] = [{} for _ in conversations]
        for window in build_windows(conversations, max_chars=self._max_chars, cut=self._cut):
            for index, fact in self._read_window(conversations, window).facts:
                facts[index].setdefault(fact.text.casefold(), fact)
        return [list(found.values()) for found in facts]

    def _read_window(self, conversations: Sequence[Conversation], window: Sequence[Excerpt]) -> Extracted:
        chat = [
            {"role": "system", "content": self._build_order()},
            {"role": "user", "content": build_question(conversations, window)},
        ]
        schema = build_schema(window, self._wanted)
        answer = self._llm.generate(chat, json_schema=schema)
        try:
            return self._noted(parse_answer(answer, conversations, window, self._wanted))
        except UnusableAnswerError as error:
            logger.warning("%s answered what cannot be used (%s); asking again", self._llm.model, error)
            answer = self._llm.generate([*chat, *_build_reproach(answer, error)], json_schema=schema)
        try:
            return self._noted(parse_answer(answer, conversations, window, self._wanted))
        except UnusableAnswerError as error:
            text = f"{self._llm.model} twice gave no usable answer: {error}; check the model or use the rules reader"
            raise Unavailable("llm", text) from error

    def _build_order(self) -> str:
        parts = (load_prompt("memos.mem_reader", PROMPT_VERSION), describe_wanted(self._wanted))
        return "\n\n".join(part for part in parts if part)

    def _noted(self, extracted: Extracted) -> Extracted:
        self._dropped_facts += extracted.dropped
        self._dropped_fields += extracted.dropped_fields
        if extracted.dropped:
            text = "%d facts of %s were dropped: no valid evidence, or not as the schema says"
            logger.warning(text, extracted.dropped, self._llm.model)
        if extracted.dropped_fields:
            logger.warning("%d fields of %s's facts were dropped", extracted.dropped_fields, self._llm.model)
        return extracted


class SimpleStructMemReader(SimpleStructReader):
    """The same reader, made from a configuration, with MemOS's ``get_memory``."""

    def __init__(self, config: SimpleStructMemReaderConfig, *, settings: Settings | None = None) -> None:
        llm = LLMFactory.from_config(config.llm, settings=settings)
        cut = _open_cut(config.chunker, settings)
        super().__init__(llm, max_chars=config.max_chars, cut=cut, wanted=Wanted.of(config))

    def get_memory(
        self,
        scene_data: Sequence[Sequence[Mapping[str, Any]]],
        type: str = "chat",
        info: Mapping[str, str] | None = None,
    ) -> list[list[TextualMemoryItem]]:
        """The items of each conversation of ``scene_data``, to be added to a textual memory; nothing is stored here.

        ``info`` may name the ``user_id`` and the ``session_id`` that the items belong to. Raises InvalidRequest for
        another ``type`` than "chat", for an unknown name in ``info`` and for messages that are none.
        """
        if type != "chat":
            raise InvalidRequest(
                f"type is {type!r:.40}; this reader reads 'chat'. Add documents with MOS.add(doc_path=...)"
            )
        known = dict(info or {})
        owner, session = known.pop("user_id", ""), known.pop("session_id", "")
        if known:
            raise InvalidRequest(f"info has an unknown field {next(iter(known))!r:.40}; known: session_id, user_id")
        return extract_items(self, scene_data, user_id=owner, session_id=session)


def _open_cut(config: ChunkerConfigFactory | None, settings: Settings | None) -> Cut | None:
    if config is None:
        return None
    chunker = ChunkerFactory.from_config(config, settings=settings)
    return lambda text: [chunk.text for chunk in chunker.chunk(text)]


def _build_reproach(answer: str, error: UnusableAnswerError) -> list[dict[str, str]]:
    return [
        {"role": "assistant", "content": answer[:_REPEATED_CHARS] or "(nothing)"},
        {"role": "user", "content": f"That cannot be used: {error}. Answer again, with the JSON object alone."},
    ]
