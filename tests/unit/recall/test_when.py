"""The time that a question asks about."""

from datetime import UTC, datetime

import pytest

from memos.recall.when import find_windows, is_within


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2025-03-10")  # a Monday
DAYS = [
    "2022-12-31", "2023-05-01", "2023-05-31", "2023-06-01", "2024-02-29", "2025-02-28", "2025-03-03", "2025-03-09",
]  # fmt: skip


def inside(question: str, *, now_ms: int = NOW) -> list[str]:
    """The days that the question asks about."""
    windows = find_windows(question, [ms(day) for day in DAYS], now_ms=now_ms)
    return [day for day in DAYS if is_within(windows, ms(day))]


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("What did Ana paint in May 2023?", ["2023-05-01", "2023-05-31"]),
        ("What happened on 31 May 2023?", ["2023-05-31"]),
        ("What did she buy in 2023?", ["2023-05-01", "2023-05-31", "2023-06-01"]),
        ("What did I do yesterday?", ["2025-03-09"]),
        ("Where did we go last week?", ["2025-03-03", "2025-03-09"]),
        ("Where was I last month?", ["2025-02-28"]),
        ("Where did he live before May 2023?", ["2022-12-31"]),
        ("What changed since June 2023?", ["2023-06-01", "2024-02-29", "2025-02-28", "2025-03-03", "2025-03-09"]),
        ("What did he do after 29 February 2024?", ["2025-02-28", "2025-03-03", "2025-03-09"]),
        ("Was it on 31 May 2023 or on 29 February 2024?", ["2023-05-31", "2024-02-29"]),
        ("What is her name?", []),
        ("What did she do in 1950?", []),
    ],
)
def test_what_a_question_asks_about(question: str, days: list[str]) -> None:
    assert inside(question) == days


def test_a_date_without_a_year_is_looked_for_up_to_now_and_else_where_the_talk_ended() -> None:
    assert inside("What did she do in February?") == ["2025-02-28"]
    assert inside("What did she do in May?") == []
    ended = find_windows("What did she do in May?", [ms("2023-05-20"), ms("2023-07-01")], now_ms=NOW)
    assert is_within(ended, ms("2023-05-20"))
    assert not is_within(ended, ms("2023-07-01"))


def test_without_times_nothing_is_asked_about() -> None:
    assert find_windows("What did I do yesterday?", [], now_ms=NOW) == []
