"""The stable prefix of a cube's prompts (pure): what is in it, where it stands, which of its tokens can be cached.

    system    the system prompt, a blank line, a heading
              - a memory                    one line each, oldest first; a new memory appends a line
    ......    end of the cacheable prefix
    history   the session's last turns
    user      memories retrieved for this question, the best one last, then the question

Since a memory is a whole line and lines only append, the tokens before a new line stay as they were.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from memos.errors import InvalidRequest
from memos.kv.state import common_prefix_length
from memos.types import Memory

Chat = list[dict[str, str]]
Encode = Callable[[Chat], list[int]]
"""Messages -> the token ids that a model gets for them."""

DEFAULT_SYSTEM_PROMPT: Final = (
    "You are a helpful assistant who remembers the user. Answer from the memories below where they help, and say so "
    "when they do not."
)
DEFAULT_BUDGET: Final = 8_000
# Small models do not find a line among many: of the demo's 20 questions SmolLM2-135M answered 16 with the best memory
# last before the question, 11 with it first, and of three it tried with the prefix alone, one.
REPEATED: Final = 3
_HEADING: Final = "# Memories"
_RETRIEVED_HEADING: Final = "Memories that may help with the question:"
# Whatever follows the system message, the prefix is what comes before it: letters, digits, line breaks, other scripts
# and another speaker, since tokenizers join characters across a boundary in different ways.
_PROBES: Final = ("alpha", "7", "\n\nbeta", " gamma", "- delta", "\u00e9\u00e8", "\U0001f600", ".")


@dataclass(frozen=True, kw_only=True, slots=True)
class StableBlock:
    """The content of the system message, and the memories that are in it."""

    text: str
    memories: tuple[Memory, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptLayout:
    """Everything that a chat's prompt is made of. ``history`` holds chat messages, oldest first."""

    stable: StableBlock
    retrieved: Sequence[Memory] = ()
    history: Sequence[Mapping[str, str]] = ()
    query: str


def in_stable_order(memories: Iterable[Memory]) -> list[Memory]:
    """Oldest first, so that a new memory comes last."""
    return sorted(memories, key=lambda memory: (memory.created_at_ms, memory.id))


def stable_block(
    system_prompt: str,
    memories: Sequence[Memory],
    *,
    budget: int = DEFAULT_BUDGET,
    measure: Callable[[str], int] = len,
) -> StableBlock:
    """The system message for these memories, in the order given.

    A memory that does not fit into what is left of the budget is left out and later, shorter ones may still come
    in; so appending a memory never changes which of the earlier ones are there. ``budget`` is in the units of
    ``measure``, which is applied to a line: characters, unless told otherwise.
    """
    lines: list[str] = []
    included: list[Memory] = []
    left = budget
    for memory in memories:
        line = _line_of(memory)
        cost = measure(line)
        if line and cost <= left:
            left -= cost
            lines.append(line)
            included.append(memory)
    heading = f"\n\n{_HEADING}\n" if lines else ""
    return StableBlock(text=f"{system_prompt}{heading}{''.join(lines)}", memories=tuple(included))


def build_chat(layout: PromptLayout) -> Chat:
    """The messages that are really sent."""
    helpful = "".join(map(_line_of, _worth_saying(layout)))
    question = f"{_RETRIEVED_HEADING}\n{helpful}\n{layout.query}" if helpful else layout.query
    history = [{"role": turn["role"], "content": turn["content"]} for turn in layout.history]
    return [_system(layout.stable.text), *history, {"role": "user", "content": question}]


def cacheable_prefix(encode: Encode, system_text: str) -> list[int]:
    """The tokens with which every chat under this system message starts, whatever follows it.

    Found by comparing renderings, so it holds for any chat template. Costs one encoding a probe.
    """
    renderings = [encode([_system(system_text), {"role": "user", "content": probe}]) for probe in _PROBES]
    renderings += _opening_by_assistant(encode, system_text)
    return reduce(_common_prefix, renderings)


def _worth_saying(layout: PromptLayout) -> list[Memory]:
    """What the prefix does not hold, and the best few in any case; the best last, where a model heeds it most."""
    known = {memory.id for memory in layout.stable.memories}
    said = [memory for rank, memory in enumerate(layout.retrieved) if rank < REPEATED or memory.id not in known]
    return said[::-1]


def _opening_by_assistant(encode: Encode, system_text: str) -> list[list[int]]:
    chat = [_system(system_text), {"role": "assistant", "content": "alpha"}, {"role": "user", "content": "beta"}]
    try:
        return [encode(chat)]
    except InvalidRequest:  # a template that wants the user to speak first: then nobody else can
        return []


def _common_prefix(left: list[int], right: list[int]) -> list[int]:
    return left[: common_prefix_length(left, right)]


def _system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def _line_of(memory: Memory) -> str:
    # One line, with no white space at its ends: the next line's "-" can then never join the tokens of this one.
    text = " ".join(memory.text.split())
    return f"- {text}\n" if text else ""
