"""Dates in other languages than English, as far as words alone tell them.

Kept are words with one meaning in every language that writes them. Left alone are, among others, French "hier" (German:
here), German "morgen" and Spanish "mañana" (morning as well), every word for today (what is not dated holds from when
it was said), weekdays, and a month without its year, since the tense that would choose one is not known. Notes are in
ISO 8601, for readers of every language: ``Ich war gestern (2025-03-09) in Bonn.``
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from memos.mem_reader.date_rules import DateRule, Moment
from memos.mem_reader.spans import DateSpan, day_span, month_span, shift_span, year_span

# Scripts with spaces between words: German, French, Spanish, Portuguese, Italian, Russian, Arabic, Hebrew.
_SPACED: Final[Mapping[tuple[str, int], str]] = {
    ("day", -2): "vorgestern|avant-hier|anteayer|antes de ayer|anteontem|l['’]altro ieri|avantieri|позавчера|שלשום",
    ("day", -1): "gestern|hier (?:soir|matin|après-midi)|ayer|ontem|ieri|вчера|أمس|אתמול",
    ("day", 1): "demain|amanhã|domani|завтра|מחר",
    ("day", 2): "übermorgen|après-demain|pasado mañana|depois de amanhã|dopodomani|послезавтра|מחרתיים",
    ("week", -1): "(?:letzte|vorige)r? woche|semaine (?:dernière|passée)|semana pasada|semana passada|settimana scorsa"
    "|scorsa settimana|прошлой неделе|الأسبوع الماضي|שבוע שעבר",
    ("week", 1): "(?:nächste|kommende)r? woche|semaine prochaine|próxima semana|semana que (?:viene|vem)"
    "|settimana prossima|prossima settimana|следующей неделе|الأسبوع القادم|שבוע הבא",
    ("month", -1): "(?:letzten|vorigen) monat|mois (?:dernier|passé)|mes pasado|mês passado|mese scorso|scorso mese"
    "|прошлом месяце|الشهر الماضي|חודש שעבר",
    ("month", 1): "(?:nächsten|kommenden) monat|mois prochain|próximo mes|mes que viene|próximo mês|mês que vem"
    "|mese prossimo|prossimo mese|следующем месяце|الشهر القادم|חודש הבא",
    ("year", -1): "(?:letzte[sn]|vorige[sn]) jahr|(?:an|année) derni(?:er|ère)|año pasado|ano passado|anno scorso"
    "|scorso anno|прошлом году|العام الماضي|שנה שעברה",
    ("year", 1): "(?:nächste[sn]|kommende[sn]) jahr|(?:an|année) prochaine?|próximo año|año que viene|próximo ano"
    "|ano que vem|anno prossimo|prossimo anno|следующем году|العام القادم|שנה הבאה",
}
# Scripts without: Chinese and Japanese, Korean (whose particles follow without a space), Thai.
_UNSPACED: Final[Mapping[tuple[str, int], str]] = {
    ("day", -2): "前天|一昨日|그저께|เมื่อวานซืน",
    ("day", -1): "昨天|昨晚|昨日|어제|เมื่อวานนี้|เมื่อวาน",
    ("day", 1): "明天|明日|내일|พรุ่งนี้",
    ("week", -1): "上个星期|上個星期|上星期|上周|上週|先週|지난주|สัปดาห์ที่แล้ว|อาทิตย์ที่แล้ว",
    ("week", 1): "下个星期|下個星期|下星期|下周|下週|来週|다음주|สัปดาห์หน้า|อาทิตย์หน้า",
    ("month", -1): "上个月|上個月|先月|지난달|เดือนที่แล้ว",
    ("month", 1): "下个月|下個月|来月|다음달|เดือนหน้า",
    ("year", -1): "去年|작년|ปีที่แล้ว",
    ("year", 1): "明年|来年|내년|ปีหน้า",
}
# As they are written, so that the rover Mars 2020 is no month.
_MONTHS: Final = (
    "Januar|Jänner|janvier|enero|janeiro|gennaio|января",
    "Februar|février|febrero|fevereiro|febbraio|февраля",
    "März|mars|marzo|março|марта",
    "April|avril|abril|aprile|апреля",
    "Mai|mai|mayo|maio|maggio|мая",
    "Juni|juin|junio|junho|giugno|июня",
    "Juli|juillet|julio|julho|luglio|июля",
    "August|août|agosto|августа",
    "September|septembre|septiembre|setembro|settembre|сентября",
    "Oktober|octobre|octubre|outubro|ottobre|октября",
    "November|novembre|noviembre|novembro|ноября",
    "Dezember|décembre|diciembre|dezembro|dicembre|декабря",
)
_MONTH_NUMBERS: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split("|")}
_UNTIL_BEFORE: Final = re.compile(
    r"(?:\b(?:bis|jusqu['’](?:à|au|en)|hasta|até|fino (?:ad?|al|alla)|до|حتى|עד)\b(?: (?:zum?|el|la|o|a|il))?\s*|[到至]"
    r"|จนถึง)$",
    re.IGNORECASE,
)
_UNTIL_AFTER: Final = re.compile(r" ?(?:まで|为止|為止|까지)")
_PUT_OFF: Final = re.compile(
    r"\b(?:versch[oi]b|vertag|report[ée]|repouss|aplaz|pospu|adiad|rinvi|posticip|перенес|отлож)|推迟|推遲|延期|延迟|연기"
    r"|เลื่อน",
    re.IGNORECASE,
)
_LONGEST_UNTIL: Final = 16
_ISO_CHARS: Final = {"day": 10, "month": 7, "year": 4}


def is_end_elsewhere(text: str, start: int, end: int) -> bool:
    """Whether a word of another language says that something lasts until the date at these places."""
    before, after = text[max(0, start - _LONGEST_UNTIL) : start], text[end : end + 4]
    is_until = _UNTIL_BEFORE.search(before) or _UNTIL_AFTER.match(after)
    return is_until is not None and not _PUT_OFF.search(text)


def _phrase(match: re.Match[str], moment: Moment) -> DateSpan:
    unit, count = _place_of(match)
    span = shift_span(moment.today, unit, count)
    iso = span.first.isoformat()
    if unit == "week":
        return replace(span, label=f"{iso}/{span.first + timedelta(days=6)}")
    return replace(span, label=iso[: _ISO_CHARS[unit]])


def _place_of(match: re.Match[str]) -> tuple[str, int]:
    """The unit and the count, which the name of the group holds: ``week_1_back``."""
    unit, count, way = str(match.lastgroup).split("_")
    return unit, -int(count) if way == "back" else int(count)


def _calendar(match: re.Match[str], moment: Moment) -> DateSpan:
    """A date with its year, which needs no note. ``moment`` matters to none."""
    del moment
    given = match.groupdict()
    year, named = int(given["year"]), given.get("month")
    if named is None:
        return year_span(year)
    month = int(named) if named.isdecimal() else _MONTH_NUMBERS[named]
    return day_span(date(year, month, int(given["day"]))) if given.get("day") else month_span(year, month)


def _grouped(phrases: Mapping[tuple[str, int], str]) -> str:
    return "|".join(
        f"(?P<{unit}_{abs(count)}_{'back' if count < 0 else 'ahead'}>{words})"
        for (unit, count), words in phrases.items()
    )


_NAMES: Final = "(?P<month>" + "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True)) + ")"
_YEAR: Final = r"(?P<year>\d{4})(?!\d)"
_SPACED_RULE: Final = re.compile(rf"(?<![\w-])(?:{_grouped(_SPACED)})(?![\w-])", re.IGNORECASE)
# Not three days ago, not the week after next, no weekday of the week, no Sunday of the Thai.
_UNSPACED_RULE: Final = re.compile(rf"(?<![大再上下先])(?<!วัน)(?:{_grouped(_UNSPACED)})(?![一二三四五六日天末])")

LANGUAGE_GATE: Final = (_SPACED_RULE, _UNSPACED_RULE)
LANGUAGE_RULES: Final[tuple[DateRule, ...]] = (
    (re.compile(rf"\b(?P<day>\d{{1,2}})(?:\.|er|º|°)? (?:de |di )?{_NAMES}(?: del?)? {_YEAR}"), _calendar),
    (re.compile(rf"(?<!\w)(?<!\d )(?<!\d\. )(?<!\d de ){_NAMES}(?: del?)? {_YEAR}"), _calendar),
    (re.compile(r"(?<!\d)(?P<year>\d{4})[年년] ?(?P<month>\d{1,2})[月월] ?(?P<day>\d{1,2})[日号號일]"), _calendar),
    (re.compile(r"(?<!\d)(?P<year>\d{4})[年년] ?(?P<month>\d{1,2})[月월](?! ?\d)"), _calendar),
    (re.compile(r"(?i)\b(?:seit|im jahr|depuis|desde|dal|nel) (?P<year>(?:19|20)\d{2})\b"), _calendar),
    (_SPACED_RULE, _phrase),
    (_UNSPACED_RULE, _phrase),
)
