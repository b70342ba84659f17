"""Names in a text: capitalised spans and quoted titles. By shape alone, so in scripts with capitals."""

import re
from typing import Final

from memos.mem_reader.spans import MONTHS, WEEKDAYS
from memos.mem_reader.words import STOPWORDS, WORD

_MAX_ENTITIES: Final = 16
_MAX_ENTITY_CHARS: Final = 80
_DATES: Final = frozenset(name.lower() for name in (*MONTHS, *WEEKDAYS))
_TITLES: Final = frozenset(("mr", "mrs", "ms", "dr", "prof"))
_CONNECTORS: Final = frozenset(("of", "de", "da", "del", "di", "la", "van", "von", "der", "al", "&"))
_QUOTED: Final = re.compile(r"[\"“«„]([^\"“”«»„\n]{2,80})[\"”»]")
_POSSESSIVE: Final = re.compile(r"['’]s$")
_TOKEN: Final = re.compile(rf"&|{WORD.pattern}|[^\s\w]")


def find_entities(sentence: str) -> tuple[str, ...]:
    """The names in one sentence, in order of first mention, without repetition.

    The first word's capital proves nothing, so it counts only when more capitals follow or when it is written as no
    ordinary word is (``NASA``, ``iPhone``).
    """
    names = [*_QUOTED.findall(sentence), *_find_capitalised(_TOKEN.findall(_QUOTED.sub(" . ", sentence)))]
    return tuple(name for name in dict.fromkeys(names) if len(name) <= _MAX_ENTITY_CHARS)[:_MAX_ENTITIES]


def _find_capitalised(tokens: list[str]) -> list[str]:
    names: list[str] = []
    span: list[str] = []
    for position, token in enumerate([*tokens, "."]):
        joins = bool(span) and token in _CONNECTORS and _is_capitalised(_at(tokens, position + 1))
        if joins or _is_capitalised(token):
            span.append(token)
            continue
        names += _name_of(span, at_start=_starts_sentence(tokens, position - len(span)))
        span = []
    return names


def _starts_sentence(tokens: list[str], position: int) -> bool:
    if position == 0:
        return True
    return tokens[position - 1] in ".!?…:" and (position < 2 or tokens[position - 2].lower() not in _TITLES)


def _name_of(span: list[str], *, at_start: bool) -> list[str]:
    while span and span[0].lower().replace("’", "'") in STOPWORDS:
        span, at_start = span[1:], False
    if not span or (len(span) == 1 and span[0].lower() in _TITLES):
        return []
    if at_start and _is_mere_opening(span):
        return []
    return [_POSSESSIVE.sub("", " ".join(span))]


def _is_capitalised(token: str) -> bool:
    if len(token) < 2 or token.lower().removesuffix("s") in _DATES:
        return False
    return token[0].isupper() or (token[0].isalpha() and token[1].isupper())


def _is_mere_opening(span: list[str]) -> bool:
    return len(span) == 1 and span[0][1:].islower() and not _POSSESSIVE.search(span[0])


def _at(tokens: list[str], position: int) -> str:
    return tokens[position] if position < len(tokens) else ""
