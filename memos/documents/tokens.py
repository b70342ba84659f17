"""Counting tokens: words, characters, or what a model's tokenizer makes of a text."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from memos.errors import InvalidConfig, NotFound, Unavailable
from memos.models.extras import require_local_extra
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings

CountTokens = Callable[[str], int]
"""How many tokens a text has."""

# Scripts that write words without spaces: a letter counts as a word.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_TOKENIZER_FILE: Final = "tokenizer.json"


def count_words(text: str) -> int:
    """Runs of other than white space; in scripts without spaces between words, every letter."""
    return len(_WORD.findall(text))


COUNTERS: Final[Mapping[str, CountTokens]] = {"character": len, "word": count_words}


def load_counter(name: str, settings: Settings | None = None) -> CountTokens:
    """The counter of that name: one of COUNTERS, or the tokenizer of a model that ``settings`` know.

    Raises InvalidConfig for a name that is neither, and for a model that cannot be had.
    """
    counter = COUNTERS.get(name)
    return counter if counter is not None else _load_model_counter(name, settings or load_settings())


def _load_model_counter(name: str, settings: Settings) -> CountTokens:
    try:
        directory = resolve_model(name, settings)
    except (InvalidConfig, NotFound, Unavailable) as error:
        known = ", ".join(sorted(COUNTERS))
        raise InvalidConfig(
            f"tokenizer_or_token_counter {name!r:.100} is no counter ({known}) and no model to be had: {error}"
        ) from None
    return _load_tokenizer(name, directory / _TOKENIZER_FILE)


def _load_tokenizer(name: str, file: Path) -> CountTokens:
    """The Rust tokenizer itself: transformers would take seconds to import and can run a model's own code."""
    require_local_extra(f"the token counter {name!r}", "tokenizers")
    from tokenizers import Tokenizer

    if not file.is_file():
        raise InvalidConfig(f"tokenizer_or_token_counter {name!r}: the model has no {file.name} in {file.parent}")
    tokenizer = Tokenizer.from_file(str(file))
    # A model's file may cut and fill texts to its own length, which would make every count the same.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
