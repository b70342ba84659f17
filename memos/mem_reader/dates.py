"""Dates in a text, resolved against the day on which it was said (UTC): English ones, and some of other languages.

    "yesterday"  "two weeks ago"  "in three days"  "last month"  "next Friday"  "on 3 May"  "since 2019"

A weekday or a date without a year is looked for in the direction of the sentence's tense. "Next Friday" and "this
Friday" are both the first Friday after the day of speaking; the Friday after that is "Friday next week". What cannot
be resolved with certainty (03/04/2025, a season) is left alone. Other languages: memos/mem_reader/date_languages.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from memos.mem_reader.date_languages import LANGUAGE_GATE, LANGUAGE_RULES, is_end_elsewhere
from memos.mem_reader.date_rules import DATE_RULES, Moment
from memos.mem_reader.spans import MONTHS, DateSpan

_MAX_MENTIONS: Final = 8
# One look that tells most sentences from those that may hold a date.
_GATE: Final = re.compile(
    r"\d|\b(?:today|tonight|this|yesterday|tomorrow|ago|last|next|past|coming|from now|in an?|in \w{3,6} \w+s)\b|day\b|"
    + "|".join(MONTHS),
    re.IGNORECASE,
)
_FUTURE: Final = re.compile(
    r"\b(?:will|going to|gonna|plan|plans|planning|planned (?:for|to|on)|upcoming|scheduled|due|book|booked|hope|want"
    r"|deadline|appointment)\b"
    r"|['’]ll\b|(?:\bam|\bare|\bis|['’]m|['’]re|['’]s) (?:\w+ )?\w+ing\b",
    re.IGNORECASE,
)
_PAST: Final = re.compile(
    r"\b(?:was|were|did|had|went|got|came|saw|met|took|made|bought|left|ran|won|lost|gave|found|told|said|\w{2,}ed)\b",
    re.IGNORECASE,
)
_CLAUSE_END: Final = re.compile(r"[,;:.!?](?= |$)| (?:and|but|so|because) ")
_UNTIL: Final = re.compile(r"\b(?:until|till)\b", re.IGNORECASE)
# "Postponed until May": May is when it happens, not when it ends.
_PUT_OFF: Final = re.compile(r"\b(?:postpon|delay|resched|push|mov|put off|shift)", re.IGNORECASE)
_SINCE: Final = re.compile(r"\bsince\b", re.IGNORECASE)
_TO_COME: Final = re.compile(r"\b(?:until|till|by|postpon\w+|reschedul\w+)\b", re.IGNORECASE)
_UNTIL_CHARS: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class DateMention:
    """A date in a text. ``note`` is what a reader needs to know it by, empty where the text says it all."""

    start: int
    end: int
    span: DateSpan
    note: str
    is_end: bool

    @property
    def at_ms(self) -> int:
        """The first moment of the span, UTC."""
        first = self.span.first
        return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)


def find_dates(text: str, said_at_ms: int) -> list[DateMention]:
    """The dates that ``text`` mentions, in order of their places."""
    if not any(gate.search(text) for gate in (_GATE, *LANGUAGE_GATE)):
        return []
    try:
        today = datetime.fromtimestamp(said_at_ms / 1000, tz=UTC).date()
    except (ValueError, OverflowError, OSError):
        return []  # a clock so wrong that nothing can be told from it
    mentions = sorted(_scan(text, today), key=lambda mention: mention.end)
    return mentions[:_MAX_MENTIONS]


def annotate_dates(text: str, mentions: list[DateMention]) -> str:
    """``text`` with each date's note behind it: ``I moved last month (February 2025)``."""
    for mention in reversed(mentions):
        if mention.note:
            text = f"{text[: mention.end]} ({mention.note}){text[mention.end :]}"
    return text


def _lean(text: str, start: int, end: int) -> int:
    """The direction of the tense of the clause round a date; what has lasted since then began in the past."""
    if _SINCE.search(text, max(0, start - _UNTIL_CHARS), end):
        return -1
    before = max((match.end() for match in _CLAUSE_END.finditer(text, 0, start)), default=0)
    after = _CLAUSE_END.search(text, end)
    text = text[before : after.start() if after else len(text)]
    if _FUTURE.search(text) or _TO_COME.search(text):
        return 1
    return -1 if _PAST.search(text) else 0


def _scan(text: str, today: date) -> Iterator[DateMention]:
    taken: list[tuple[int, int]] = []
    for pattern, resolve in (*DATE_RULES, *LANGUAGE_RULES):
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            try:
                span = resolve(match, Moment(today=today, lean=_lean(text, start, end)))
            except (ValueError, OverflowError):
                continue  # 31 February, the year 12000
            taken.append((start, end))
            is_end = _is_end(text, start, end)
            yield DateMention(start=start, end=end, span=span, note=_note(match, span), is_end=is_end)


def _is_end(text: str, start: int, end: int) -> bool:
    """Whether something lasts until the date at these places."""
    if _UNTIL.search(text, max(0, start - _UNTIL_CHARS), end):
        return not _PUT_OFF.search(text)
    return is_end_elsewhere(text, start, end)


def _note(match: re.Match[str], span: DateSpan) -> str:
    groups = match.groupdict()
    if groups.get("year"):
        return ""
    is_calendar = bool(groups.get("month")) and not groups.get("which")
    return str(span.first.year) if is_calendar else span.label
