"""The shapes of dates in English text, and what each means on a given day."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from memos.mem_reader.spans import (
    MONTHS,
    WEEKDAYS,
    DateSpan,
    day_span,
    month_span,
    nearest_year,
    shift_span,
    weekend_span,
    year_span,
)

_MONTH: Final = (
    r"(?P<month>january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\b\.?"
)
_FULL_MONTH: Final = r"(?P<month>" + "|".join(MONTHS) + r")\b"
_WEEKDAY: Final = r"(?P<weekday>" + "|".join(WEEKDAYS) + r")\b"
_NUMBERS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "a couple of": 2, "a couple": 2,
}  # fmt: skip
_COUNT: Final = r"(?P<count>\d{1,4}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_UNIT: Final = r"(?P<unit>day|week|month|year)s?\b"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_BEFORE_MONTH: Final = r"\b(?:in|to|since|until|till|by|during|from|around|of|early|late|mid|before|after)[ -]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When a sentence was said, and where its tense points: -1 to the past, 1 to the future, 0 not known."""

    today: date
    lean: int


Resolve = Callable[[re.Match[str], Moment], DateSpan]
"""What a match means. Raises ValueError or OverflowError when it means no day of the calendar."""

DateRule = tuple[re.Pattern[str], Resolve]


def _iso_date(match: re.Match[str], moment: Moment) -> DateSpan:
    return day_span(date(int(match["year"]), int(match["month"]), int(match["day"])))


def _full_date(match: re.Match[str], moment: Moment) -> DateSpan:
    month, day = _month_number(match["month"]), int(match["day"])
    if match["year"]:
        return day_span(date(int(match["year"]), month, day))
    if match["which"]:
        return day_span(date(moment.today.year + _direction(match["which"]), month, day))
    return day_span(date(nearest_year(moment.today, month, day, moment.lean), month, day))


def _numeric_date(match: re.Match[str], moment: Moment) -> DateSpan:
    first, second = int(match["first"]), int(match["second"])
    if first <= 12 and second <= 12 and first != second:
        raise ValueError("day or month first: nobody can tell")
    day, month = (first, second) if first > 12 else (second, first)
    return day_span(date(int(match["year"]), month, day))


def _month(match: re.Match[str], moment: Moment) -> DateSpan:
    month = _month_number(match["month"])
    if match.groupdict().get("year"):
        return month_span(int(match["year"]), month)
    lean = 0 if month == moment.today.month else moment.lean
    return month_span(nearest_year(moment.today, month, 1, lean), month)


def _year(match: re.Match[str], moment: Moment) -> DateSpan:
    return year_span(int(match["year"]))


def _named_day(match: re.Match[str], moment: Moment) -> DateSpan:
    words = match["named"].lower()
    offsets = {"day before yesterday": -2, "day after tomorrow": 2, "yesterday": -1, "tomorrow": 1, "last night": -1}
    return day_span(moment.today + timedelta(days=offsets.get(words, 0)))


def _ago(match: re.Match[str], moment: Moment) -> DateSpan:
    return shift_span(moment.today, match["unit"].lower(), -_count(match))


def _ahead(match: re.Match[str], moment: Moment) -> DateSpan:
    return shift_span(moment.today, match["unit"].lower(), _count(match))


def _relative_unit(match: re.Match[str], moment: Moment) -> DateSpan:
    return shift_span(moment.today, match["unit"].lower(), _direction(match["which"]))


def _relative_weekday(match: re.Match[str], moment: Moment) -> DateSpan:
    return day_span(_weekday(match["weekday"], moment.today, _direction(match["which"]) or 1))


def _relative_month(match: re.Match[str], moment: Moment) -> DateSpan:
    month, direction = _month_number(match["month"]), _direction(match["which"])
    year = moment.today.year
    if direction < 0 and month >= moment.today.month:
        year -= 1
    if direction > 0 and month <= moment.today.month:
        year += 1
    return month_span(year, month)


def _weekday_of_week(match: re.Match[str], moment: Moment) -> DateSpan:
    saturday = weekend_span(moment.today + timedelta(weeks=_direction(match["which"]))).first
    return day_span(saturday + timedelta(days=_weekday_number(match["weekday"]) - 5))


def _bare_weekday(match: re.Match[str], moment: Moment) -> DateSpan:
    return day_span(_weekday(match["weekday"], moment.today, moment.lean or 1))


def _day_of_month(match: re.Match[str], moment: Moment) -> DateSpan:
    day, months = int(match["day"]), 0
    if moment.lean >= 0 and day < moment.today.day:
        months = 1
    if moment.lean < 0 and day > moment.today.day:
        months = -1
    return day_span(shift_span(moment.today, "month", months).first.replace(day=day))


def _weekday(name: str, today: date, direction: int) -> date:
    distance = (_weekday_number(name) - today.weekday()) * direction % 7 or 7
    return today + timedelta(days=distance * direction)


def _weekday_number(name: str) -> int:
    return WEEKDAYS.index(name.capitalize())


def _month_number(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.lower().startswith(name.lower()[:3]))


def _count(match: re.Match[str]) -> int:
    count = match["count"].lower()
    return int(count) if count.isdecimal() else _NUMBERS[count]


def _direction(which: str) -> int:
    return {"last": -1, "past": -1, "previous": -1, "next": 1, "coming": 1, "upcoming": 1}.get(which.lower(), 0)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_WHICH: Final = r"\b(?P<which>last|past|previous|next|coming|upcoming|this) "
_OPTIONAL_YEAR: Final = r"(?:,? (?P<year>\d{4})|,? (?P<which>last|next|this) year)?\b"

# The longer expression comes first: "Friday next week" before "next week".
DATE_RULES: Final[tuple[DateRule, ...]] = (
    (_compiled(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"), _iso_date),
    (_compiled(r"\b(?P<first>\d{1,2})[./](?P<second>\d{1,2})[./](?P<year>\d{4})\b"), _numeric_date),
    (_compiled(rf"\b{_DAY}(?: of)? {_MONTH}{_OPTIONAL_YEAR}"), _full_date),
    (_compiled(rf"\b{_MONTH} {_DAY}(?!\d){_OPTIONAL_YEAR}"), _full_date),
    (_compiled(rf"\b{_FULL_MONTH},? (?P<year>\d{{4}})\b"), _month),
    (
        _compiled(
            r"\b(?P<named>day before yesterday|day after tomorrow|yesterday|tomorrow|last night|today|tonight"
            r"|this (?:morning|afternoon|evening))\b"
        ),
        _named_day,
    ),
    (_compiled(rf"\b{_COUNT} {_UNIT} ago\b"), _ago),
    (_compiled(rf"\b(?:in )?{_COUNT} {_UNIT} from (?:now|today)\b"), _ahead),
    (_compiled(rf"\bin {_COUNT} {_UNIT}(?: time)?"), _ahead),
    (_compiled(rf"\b{_WEEKDAY},? (?P<which>last|next|this) week\b"), _weekday_of_week),
    (_compiled(rf"{_WHICH}(?P<unit>weekend|week|month|year)\b"), _relative_unit),
    (_compiled(rf"{_WHICH}{_WEEKDAY}"), _relative_weekday),
    (_compiled(rf"{_WHICH}{_FULL_MONTH}"), _relative_month),
    (_compiled(rf"(?<!every )(?<!each )\b{_WEEKDAY}"), _bare_weekday),
    (_compiled(rf"{_BEFORE_MONTH}{_FULL_MONTH}"), _month),
    (_compiled(r"\b(?:in|since|until|till|by|during|of) (?P<year>(?:19|20)\d{2})\b"), _year),
    (_compiled(r"\b(?:on|by|until|till) the (?P<day>\d{1,2})(?:st|nd|rd|th)\b"), _day_of_month),
)
