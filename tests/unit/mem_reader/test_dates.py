"""Dates against the day on which they were said: Monday, 10 March 2025."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.mem_reader.dates import annotate_dates, find_dates
from tests.unit.mem_reader.conversations import SAID_AT_MS


def _days(text: str, said_at_ms: int = SAID_AT_MS) -> list[date]:
    return [datetime.fromtimestamp(mention.at_ms / 1000, tz=UTC).date() for mention in find_dates(text, said_at_ms)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", date(2025, 3, 10)),
        ("I ran this morning", date(2025, 3, 10)),
        ("yesterday", date(2025, 3, 9)),
        ("last night", date(2025, 3, 9)),
        ("the day before yesterday", date(2025, 3, 8)),
        ("tomorrow", date(2025, 3, 11)),
        ("three days ago", date(2025, 3, 7)),
        ("two weeks ago", date(2025, 2, 24)),
        ("a couple of months ago", date(2025, 1, 1)),
        ("5 years ago", date(2020, 1, 1)),
        ("in two weeks", date(2025, 3, 24)),
        ("in 10 days", date(2025, 3, 20)),
        ("three months from now", date(2025, 6, 1)),
        ("last week", date(2025, 3, 3)),
        ("next month", date(2025, 4, 1)),
        ("last year", date(2024, 1, 1)),
        ("last weekend", date(2025, 3, 8)),
        ("next Friday", date(2025, 3, 14)),
        ("this Friday", date(2025, 3, 14)),
        ("Friday next week", date(2025, 3, 21)),
        ("last Friday", date(2025, 3, 7)),
        ("next Monday", date(2025, 3, 17)),
        ("last Monday", date(2025, 3, 3)),
        ("I had lunch with Tom on Friday", date(2025, 3, 7)),
        ("I'm having lunch with Tom on Friday", date(2025, 3, 14)),
        ("I marry on 3 May", date(2025, 5, 3)),
        ("I married on 3 May", date(2024, 5, 3)),
        ("May 3rd, 2024", date(2024, 5, 3)),
        ("12 March 1990", date(1990, 3, 12)),
        ("8 November next year", date(2026, 11, 8)),
        ("we met in September", date(2024, 9, 1)),
        ("we will meet in September", date(2025, 9, 1)),
        ("last March", date(2024, 3, 1)),
        ("next June", date(2025, 6, 1)),
        ("June 2023", date(2023, 6, 1)),
        ("since 2019", date(2019, 1, 1)),
        ("I am on the late shift since Friday", date(2025, 3, 7)),
        ("I live here since May", date(2024, 5, 1)),
        ("the launch is planned for the 3rd of June", date(2025, 6, 3)),
        ("on the 3rd", date(2025, 4, 3)),
        ("2025-05-03", date(2025, 5, 3)),
        ("13/04/2025", date(2025, 4, 13)),
        ("It opens on 14 February, and I've promised a script", date(2025, 2, 14)),
    ],
)
def test_an_expression_means_a_day(text: str, expected: date) -> None:
    assert _days(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["03/04/2025", "31 February", "2025-02-30", "99999 years ago", "9999 years ago", "every Friday", "on Fridays",
     "I may go", "we march on", "room 2024", "", "in a minute"],
)  # fmt: skip
def test_what_cannot_be_told_is_left_alone(text: str) -> None:
    assert _days(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I moved last month.", "I moved last month (February 2025)."),
        ("I marry on 3 May.", "I marry on 3 May (2025)."),
        ("Born on 12 March 1990.", "Born on 12 March 1990."),
        ("yesterday and tomorrow", "yesterday (9 March 2025) and tomorrow (11 March 2025)"),
        ("two weeks ago", "two weeks ago (week of 24 February 2025)"),
        ("İ moved yesterday", "İ moved yesterday (9 March 2025)"),
    ],
)
def test_a_note_says_only_what_the_text_leaves_open(text: str, expected: str) -> None:
    assert annotate_dates(text, find_dates(text, SAID_AT_MS)) == expected


@pytest.mark.parametrize(
    ("text", "is_end"),
    [("I stay until June", True), ("It is postponed until June", False), ("I stay from June", False)],
)
def test_until_is_an_end_unless_something_was_put_off(text: str, is_end: bool) -> None:
    assert [mention.is_end for mention in find_dates(text, SAID_AT_MS)] == [is_end]


@given(st.integers())
def test_a_senseless_clock_gives_no_dates_and_no_error(said_at_ms: int) -> None:
    for text in ("two weeks ago", "in 9999 years", "next Friday", "on 29 February", "last weekend"):
        for mention in find_dates(text, said_at_ms):
            assert mention.span.label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ich war vorgestern krank.", date(2025, 3, 8)),
        ("Gestern bin ich umgezogen.", date(2025, 3, 9)),
        ("Nächste Woche fliege ich.", date(2025, 3, 17)),
        ("Seit 2019 wohne ich hier.", date(2019, 1, 1)),
        ("Ich habe am 12. März 2024 geheiratet.", date(2024, 3, 12)),
        ("J'ai déménagé hier soir.", date(2025, 3, 9)),
        ("Le mois dernier, j'ai arrêté.", date(2025, 2, 1)),
        ("Je suis née le 1er août 1990.", date(1990, 8, 1)),
        ("Ayer compré una bici.", date(2025, 3, 9)),
        ("Me mudo pasado mañana.", date(2025, 3, 12)),
        ("Nací el 12 de marzo de 1990.", date(1990, 3, 12)),
        ("Amanhã viajo para o Porto.", date(2025, 3, 11)),
        ("Casei no ano passado.", date(2024, 1, 1)),
        ("Cheguei em março de 2024.", date(2024, 3, 1)),
        ("Ieri ho visto Anna.", date(2025, 3, 9)),
        ("L'altro ieri ho visto Anna.", date(2025, 3, 8)),
        ("Parto il 3 maggio 2025.", date(2025, 5, 3)),
        ("Вчера я переехал.", date(2025, 3, 9)),
        ("Я родился 12 марта 1990.", date(1990, 3, 12)),
        ("وصلت أمس", date(2025, 3, 9)),
        ("עברתי אתמול", date(2025, 3, 9)),
        ("我昨天搬到了北京。", date(2025, 3, 9)),
        ("我下个月去上海。", date(2025, 4, 1)),
        ("一昨日、東京に着きました。", date(2025, 3, 8)),
        ("2024年3月12日に結婚しました。", date(2024, 3, 12)),
        ("2024년 3월에 이사했어요.", date(2024, 3, 1)),
        ("어제 이사했어요.", date(2025, 3, 9)),
        ("ฉันย้ายบ้านเมื่อวาน", date(2025, 3, 9)),
        ("ฉันย้ายบ้านเมื่อวานซืน", date(2025, 3, 8)),
    ],
)
def test_other_languages_say_days_too(text: str, expected: date) -> None:
    assert _days(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["Ich wohne hier.", "J'habite ici depuis hier", "Morgen ist es schön.", "Estudio por la mañana.", "Bis heute.",
     "El 12 de marzo.", "Mars 2020 is a rover.", "大前天", "上周五", "再来週", "ทุกวันอาทิตย์หน้า", "gestern-Abend",
     "30. Februar 2025", "9999年99月"],
)  # fmt: skip
def test_what_another_language_leaves_open_is_left_alone(text: str) -> None:
    assert _days(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ich war gestern in Bonn.", "Ich war gestern (2025-03-09) in Bonn."),
        ("La semana pasada llovió.", "La semana pasada (2025-03-03/2025-03-09) llovió."),
        ("我上个月搬家", "我上个月 (2025-02)搬家"),
        ("L'anno scorso", "L'anno scorso (2024)"),
        ("12 mars 2025", "12 mars 2025"),
    ],
)
def test_a_note_in_another_language_is_in_iso_form(text: str, expected: str) -> None:
    assert annotate_dates(text, find_dates(text, SAID_AT_MS)) == expected


@pytest.mark.parametrize(
    ("text", "is_end"),
    [
        ("Ich bleibe bis zum 12. Juni 2025.", True),
        ("Je reste jusqu'au 12 juin 2025.", True),
        ("Me quedo hasta el 12 de junio de 2025.", True),
        ("Fico até 12 de junho de 2025.", True),
        ("Resto fino al 12 giugno 2025.", True),
        ("我住到2025年6月12日", True),
        ("2025年6月12日まで住みます", True),
        ("Die Feier ist bis zum 12. Juni 2025 verschoben.", False),
        ("会议推迟到2025年6月12日", False),
        ("Ich bleibe ab dem 12. Juni 2025.", False),
    ],
)
def test_until_is_an_end_in_other_languages(text: str, is_end: bool) -> None:
    assert [mention.is_end for mention in find_dates(text, SAID_AT_MS)] == [is_end]
