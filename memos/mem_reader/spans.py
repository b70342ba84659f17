"""Stretches of the calendar: a first day and words for the whole, such as ``February 2025``."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

# Not from the calendar module, whose names follow the locale.
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True, slots=True)
class DateSpan:
    """``first`` is the first day of what ``label`` says, ``behind`` the first day after it."""

    first: date
    behind: date
    label: str


def day_span(day: date) -> DateSpan:
    """One day: ``14 March 2025``."""
    return DateSpan(first=day, behind=_after(day, 1), label=f"{day.day} {MONTHS[day.month - 1]} {day.year}")


def week_span(day: date) -> DateSpan:
    """The week, from Monday, in which ``day`` lies."""
    monday = day_span(day - timedelta(days=day.weekday()))
    return DateSpan(first=monday.first, behind=_after(monday.first, 7), label=f"week of {monday.label}")


def weekend_span(day: date) -> DateSpan:
    """The Saturday and Sunday that end the week of ``day``."""
    saturday = day_span(day + timedelta(days=5 - day.weekday()))
    return DateSpan(first=saturday.first, behind=_after(saturday.first, 2), label=f"weekend of {saturday.label}")


def month_span(year: int, month: int) -> DateSpan:
    """One month: ``February 2025``. Raises ValueError for a month that no calendar has."""
    first = date(year, month, 1)
    return DateSpan(first=first, behind=_after(first, monthrange(year, month)[1]), label=f"{MONTHS[month - 1]} {year}")


def year_span(year: int) -> DateSpan:
    """One year: ``2024``. Raises ValueError outside the calendar."""
    first = date(year, 1, 1)
    return DateSpan(first=first, behind=_after(date(year, 12, 31), 1), label=str(year))


def shift_months(day: date, months: int) -> tuple[int, int]:
    """The year and the month ``months`` after that of ``day``."""
    count = day.year * 12 + day.month - 1 + months
    return count // 12, count % 12 + 1


def shift_span(today: date, unit: str, count: int) -> DateSpan:
    """The day, week, month or year that lies ``count`` units after today.

    Raises ValueError or OverflowError outside the calendar.
    """
    if unit == "day":
        return day_span(today + timedelta(days=count))
    if unit == "week":
        return week_span(today + timedelta(weeks=count))
    if unit == "weekend":
        return weekend_span(today + timedelta(weeks=count))
    if unit == "month":
        return month_span(*shift_months(today, count))
    return year_span(today.year + count)


def nearest_year(today: date, month: int, day: int, lean: int) -> int:
    """The year of a date given without one.

    ``lean`` < 0 means the last such day up to today, > 0 the next one from today, 0 the one closest to today.
    """
    candidates = [
        found for year in (today.year - 1, today.year, today.year + 1) if (found := _find_date(year, month, day))
    ]
    if lean < 0:
        candidates = [found for found in candidates if found <= today]
    if lean > 0:
        candidates = [found for found in candidates if found >= today]
    if not candidates:
        raise ValueError("no such day near this year")
    return min(candidates, key=lambda found: abs(found - today)).year


def _after(day: date, days: int) -> date:
    """So many days later; the calendar's own last day, where it ends before that."""
    return day + timedelta(days=min(days, (date.max - day).days))


def _find_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
