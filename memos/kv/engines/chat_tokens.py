"""From chat messages to token ids, so that text inside a message can never act as a role or as the end of a turn."""

import re
import threading
from collections.abc import Mapping
from typing import Any, Final

from memos.errors import InvalidRequest
from memos.kv.engines.loading import Described
from memos.llms.base import ChatMessages
from memos.llms.chat import parse_chat
from memos.types import Role

_ROLES: Final = frozenset(Role)


class ChatTokenizer:
    """A model's chat template and tokenizer. Thread-safe."""

    def __init__(self, described: Described) -> None:
        self._tokenizer: Any = described.tokenizer
        self._special = _pattern_of(_special_tokens(self._tokenizer))
        self._lock = threading.Lock()  # fast tokenizers refuse to be borrowed twice

    def render(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> str:
        """The text that the model gets. Raises InvalidRequest when messages are malformed or the template refuses."""
        from jinja2 import TemplateError

        checked = [self._checked(message) for message in parse_chat(messages)]
        try:
            return self._tokenizer.apply_chat_template(
                checked, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except TemplateError as error:
            raise InvalidRequest(f"the model's chat template refuses these messages: {error}") from None

    def encode(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> list[int]:
        """The token ids of the rendered chat."""
        text = self.render(messages, add_generation_prompt=add_generation_prompt)
        with self._lock:
            return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def decode(self, token_ids: Any) -> str:
        """The text of an answer's tokens, without special tokens."""
        with self._lock:
            return self._tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def end_tokens(self, generation_config: Any) -> frozenset[int]:
        """The ids that end an answer."""
        named: Any = getattr(generation_config, "eos_token_id", None)
        ids = {self._tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
        return frozenset(int(token) for token in ids if token is not None)

    def _checked(self, message: Mapping[str, str]) -> dict[str, str]:
        role, content = message["role"], message["content"]
        if role not in _ROLES:
            raise InvalidRequest(f"a message's role must be one of {', '.join(_ROLES)}, not {role!r:.40}")
        try:
            content.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidRequest("a message's content has a lone surrogate, which is no character") from None
        # "<|im_end|>" in somebody's memory must not end the system message.
        return {"role": role, "content": self._special.sub(lambda found: _split(found.group()), content)}


def _split(token: str) -> str:
    return f"{token[0]} {token[1:]}"


def _special_tokens(tokenizer: Any) -> set[str]:
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return {token for token in added | set(tokenizer.all_special_tokens) if len(token) > 1}


def _pattern_of(tokens: set[str]) -> "re.Pattern[str]":
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) if longest_first else r"(?!)")
