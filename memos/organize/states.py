"""What a statement says of somebody that can only be one thing at a time: home, employer, age, favourite film. Pure.

    "Ana said: Actually I moved to Turin last week."   speaker Ana  ──>  home = turin
    "Ana said: My sister works at Bosch."                           ──>  sister employer = bosch
    "Ana said: I don't live in Rome anymore."                       ──>  home = rome, denied
    "Ana said: I would move to Turin." / "I also work at Bosch."    ──>  nothing

A wrong answer hides what is true, and none costs little, so this recognises a few plain sentences, of which the first
of a memory counts, and gives up on what is doubted, wished, past, passing, or one of several. In English.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from memos.mem_reader.sentences import split_sentences
from memos.mem_reader.words import STOPWORDS
from memos.organize.places import is_larger_than_town, is_no_place

MAX_TOPIC_CHARS: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """``topic`` is of whom and what; of one ``kind`` it has one value, in small letters, which is held or denied."""

    topic: str
    kind: str
    value: str
    denied: bool = False


# Of these one has one, or says which.
_RELATIVES: Final = (
    "wife|husband|spouse|partner|fiancée?|girlfriend|boyfriend|mother|mum|mom|father|dad|sister|brother|grandmother"
    "|grandma|grandfather|grandpa|boss|landlord"
)
_LEAD: Final = re.compile(
    r"\A(?:(?:actually|but|and|so|well|now|update|correction|sorry|oh|yes|no|hey|nowadays|these days|currently|today"
    r"|finally|btw|by the way|as of (?:today|now))\b[,:—–-]*\s+)+",
    re.IGNORECASE,
)
_SUBJECT: Final = (
    rf"(?:I|[Ww]e|(?:[Tt]he )?[Uu]ser|[Mm]y (?P<kin>(?:[a-z-]+ )?(?:{_RELATIVES})(?: (?-i:[A-Z])[\w’'-]+)?)"
    r"|(?P<name>(?-i:[A-Z])[\w’-]+(?: (?-i:[A-Z])[\w’-]+)?))"
)
_ADVERBS: Final = r"(?:(?:now|currently|still|actually|really|just|recently|finally|already|officially|back) )*"
_BE: Final = r"(?:['’](?:m|re|s)| am| are| is)"
_HAVE: Final = r"(?:['’](?:ve|s)| have| has)?"
_PROPER: Final = r"[A-ZÀ-ÖØ-Þ][\w&+’'-]*(?:\.?(?: (?:of|de|da|do|del|di|la|le|&))* [A-ZÀ-ÖØ-Þ][\w&+’'-]*){0,3}"
# Behind a value that is a word of its own the clause goes on with nothing that could be part of it.
_CLOSED: Final = r"(?=[.,;!]|$| (?:now|today|yesterday|again|since|on|last|this|because|as of)\b)"

_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_DAY: Final = rf"(?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?i:{_MONTHS})|(?i:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?)"

_HOME: Final = "home"
_OF_SOMEBODY: Final = tuple(
    (topic, f"{_SUBJECT}{predicate}")
    for topic, predicate in (
        (_HOME, rf" {_ADVERBS}(?:live|lives|reside|resides) in (?:the )?(?P<value>{_PROPER})"),
        (_HOME, rf"{_BE} {_ADVERBS}(?:living|based|settled) in (?:the )?(?P<value>{_PROPER})"),
        (
            _HOME,
            rf"{_HAVE} {_ADVERBS}(?:moved|relocated) (?:back )?(?:from (?:the )?{_PROPER} )?"
            rf"to (?:the )?(?P<value>{_PROPER})",
        ),
        ("employer", rf" {_ADVERBS}(?:work|works) (?:at|for) (?:the )?(?P<value>{_PROPER})"),
        ("employer", rf"{_BE} {_ADVERBS}(?:working|employed) (?:at|for|by) (?:the )?(?P<value>{_PROPER})"),
        (
            "employer",
            rf"{_HAVE} {_ADVERBS}(?:started|got|took|landed)(?: a)?(?: new)? (?:job|position|role|working|work)"
            rf" (?:at|with|for) (?:the )?(?P<value>{_PROPER})",
        ),
        ("occupation", rf" {_ADVERBS}(?:work|works) as an? (?P<value>[a-z-]+(?: [a-z-]+)??){_CLOSED}"),
        ("occupation", rf"{_BE} {_ADVERBS}(?:working|employed) as an? (?P<value>[a-z-]+(?: [a-z-]+)??){_CLOSED}"),
        ("age", rf"(?:{_BE}|{_HAVE} {_ADVERBS}turned) {_ADVERBS}(?P<value>\d{{1,3}})(?: years old)?{_CLOSED}"),
        (
            "diet",
            rf"(?:{_BE}|{_HAVE} {_ADVERBS}(?:became|become|turned|gone|went)) {_ADVERBS}(?:an? )?"
            rf"(?P<value>vegan|vegetarian|pescatarian|omnivore){_CLOSED}",
        ),
        (
            "marriage",
            rf"(?:{_BE}|{_HAVE} {_ADVERBS}(?:got|gotten|became)) {_ADVERBS}"
            rf"(?P<value>single|engaged|married|divorced|widowed|separated)(?:(?= to [A-Z])|{_CLOSED})",
        ),
        ("car", rf" {_ADVERBS}(?:drive|drives) an? (?:new |used |old )?(?P<value>{_PROPER})"),
    )
)
_OWN: Final = tuple(
    (topic, f"[Mm]y {words}")
    for topic, words in (
        ("name", rf"(?:full |new )?name(?: is|['’]s) (?:now )?(?P<value>{_PROPER})"),
        ("birthday", rf"birthday(?: is|['’]s) (?:on )?(?P<value>{_DAY}(?:,? \d{{4}})?){_CLOSED}"),
        ("age", rf"age is (?:now )?(?P<value>\d{{1,3}}){_CLOSED}"),
        (
            "phone number",
            r"(?:new )?(?:phone |mobile |cell )?number(?: is|['’]s) (?:now )?(?P<value>\+?\d[\d ()/-]{4,})",
        ),
        ("e-mail", r"(?:new )?e-?mail(?: address)?(?: is|['’]s) (?:now )?(?P<value>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"),
        ("phone", rf"(?:new )?phone(?: is|['’]s) (?:now )?(?:an? )?(?P<value>{_PROPER}(?: \d+)?)"),
        ("car", rf"(?:new )?car(?: is|['’]s) (?:now )?(?:an? )?(?:new )?(?P<value>{_PROPER})"),
        ("employer", rf"(?:new |current )?employer(?: is|['’]s) (?:now )?(?P<value>{_PROPER})"),
        (
            "favourite",
            r"(?:new |current |all-time )?favou?rite (?P<thing>[a-z-]+(?: [a-z-]+)?) is (?:now )?(?:an? |the )?"
            r"(?!(?i:this|that|these|those|what|when|how|where|my|your|to)\b)"
            r"(?P<value>[\w’'&-]+(?: [\w’'&-]+){0,4}?)(?=[.;!]|$)",
        ),
    )
)
_Patterns = Sequence[tuple[str, re.Pattern[str]]]
_STRICT: Final = tuple((topic, re.compile(pattern)) for topic, pattern in (*_OWN, *_OF_SOMEBODY))
_LOOSE: Final = tuple((topic, re.compile(pattern, re.IGNORECASE)) for topic, pattern in (*_OWN, *_OF_SOMEBODY))
# What is a favourite only of what was spoken of.
_PASSING_FAVOURITE: Final = re.compile(
    r"(?:part|thing|bit|moment|memory|aspect|way|one|scene|character|time|example|quote|line|step|feature|detail)\b"
)
_DOUBTFUL: Final = re.compile(
    r"""\b(?:if|would|could|might|may\ be|maybe|perhaps|probably|wish\w*|hop(?:e|ing)|want\w*|plan\w*|dream\w*|imagin\w*
    |pretend\w*|jok(?:e|ing)|kidding|almost|nearly|feel\w*\ like|like\ I|think|thought|consider\w*
    |when\ (?:I|we|he|she)\ (?:was|were)|as\ a\ (?:kid|child|teen\w*|student)|ago\ when|years?\ ago
    |back\ (?:in|when|then)|originally|at\ first|used\ to|once|in\ the\ past|at\ the\ time|in\ those\ days|until|till
    |temporar\w+
    |for\ (?:\w+\ ){1,2}(?:while|days?|weeks?|weekend|months?|years?|summer|winter|semester|term)
    |for\ (?:now|college|university|school|uni|work)
    |also|too|as\ well|part[- ]time|sometimes|usually|often|mostly|some\ days|on\ weekends|half|both|either|another
    |second|volunteer\w*|freelanc\w+|so\ far|except|besides|somewhere
    |in\ the\ (?:game|story|book|novel|film|movie)
    )\b | \?""",
    re.IGNORECASE | re.VERBOSE,
)
# "Big news: I moved to Porto." "The flat was tiny, so we moved to Faro."
_CLAUSE_END: Final = re.compile(
    r"[;:]\s+|\s+[—–-]\s+|,? (?:and )?(?:so|but) (?=(?:I|[Ww]e|[Mm]y|[Hh]e|[Ss]he)\b)", re.IGNORECASE
)
# Somebody else's words.
_QUOTED: Final = re.compile(r"\A[A-Z][\w’'-]*:|\b(?:said|says|told|asked|wrote|writes|answered|texted)\b[^:]*:")
# A value that another follows is one of several.
_SEVERAL: Final = re.compile(r",? (?:and|or|&|but) (?:in |at |for |as )?(?:an? |the |my )?[A-Z\d]|/")
_DENIAL: Final = re.compile(r" (?:do|does)(?: not|n['’]t)\b| no longer\b| not\b|n['’]t\b", re.IGNORECASE)
_QUOTES: Final = "\"'“”„‘’«» "
_NOTE: Final = re.compile(r"\s*\([^()]*\)")
_NO_NAMES: Final = frozenset(
    ("everyone", "everybody", "someone", "somebody", "nobody", "anyone", "people", "who", "one", "another", "each",
     "most", "many", "kids", "mom", "mum", "dad", "grandma", "grandpa", "life", "work", "love", "god", "today", "home")
)  # fmt: skip


@lru_cache(maxsize=4096)
def find_topic(speaker: str, text: str) -> str | None:
    """Of whom and what a text may state a state: the same for all values, and in small letters too; None for the rest.

    States that exclude each other have one topic, and so have texts that differ but in case and quotation marks.
    """
    clauses = _clauses(speaker, text)
    return next((topic for clause in clauses for topic, _ in _matches(clause, speaker, _LOOSE)), None)


@lru_cache(maxsize=4096)
def find_state(speaker: str, text: str) -> State | None:
    """The state that a memory's text states plainly, behind its speaker's name or not; None for anything else."""
    states = (_state_of(clause, speaker) for clause in _clauses(speaker, text))
    return next((state for state in states if state is not None), None)


def is_same_value(one: str, other: str) -> bool:
    """Whether two values may name one thing: one says no more than the other does, as New York and New York City."""
    first, second = set(one.split()), set(other.split())
    return first <= second or second <= first


def _clauses(speaker: str, text: str) -> list[str]:
    """The clauses of the first sentence, without what the reader put in brackets and what leads into them.

    None when something in the sentence is in doubt.
    """
    bare = _NOTE.sub("", text.removeprefix(f"{speaker} said: "))
    first = next(iter(split_sentences(bare)), "").strip(_QUOTES)
    if _DOUBTFUL.search(first) or _QUOTED.search(first):
        return []
    return [_LEAD.sub("", clause) for clause in _CLAUSE_END.split(first)]


def _state_of(clause: str, speaker: str) -> State | None:
    plain = _DENIAL.sub("", clause)
    for topic, match in _matches(clause, speaker, _STRICT):
        kind = _kind_of_home(match["value"]) if topic.endswith(_HOME) else topic
        if kind and not _SEVERAL.match(plain, match.end("value")):
            return State(topic=topic, kind=kind, value=_value(match), denied=plain != clause)
    return None


def _matches(clause: str, speaker: str, patterns: _Patterns) -> Iterator[tuple[str, re.Match[str]]]:
    """Topics of a clause, its denial left out, each with what matched."""
    plain = _DENIAL.sub("", clause)
    for topic, pattern in patterns:
        match = pattern.match(plain)
        owner = _owner(match.groupdict(), speaker) if match else None
        if match is None or owner is None:
            continue
        thing = match.groupdict().get("thing")
        if thing is None:
            yield f"{owner} {topic}".strip()[:MAX_TOPIC_CHARS], match
        elif not _PASSING_FAVOURITE.match(thing.casefold().split()[-1]):
            yield f"{topic} {thing.casefold()}"[:MAX_TOPIC_CHARS], match


def _value(match: re.Match[str]) -> str:
    words = match["value"].casefold().replace("’", "'").rstrip(" .-").removesuffix("'s")
    return " ".join(re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|\bof\b|\bthe\b", "", words).split())


def _owner(found: Mapping[str, str | None], speaker: str) -> str | None:
    """Empty for the speaker; None for who is nobody in particular."""
    kin, name = found.get("kin"), found.get("name")
    if kin:
        return kin.casefold()
    if not name or name.casefold() == speaker.casefold():
        return ""
    words = name.casefold().replace("’", "'").split()
    return None if any(word in STOPWORDS or word in _NO_NAMES for word in words) else name.casefold()


def _kind_of_home(place: str) -> str:
    """Whoever says in which country lives in a town as well, so that the two are compared apart."""
    if is_no_place(place):
        return ""
    return "country" if is_larger_than_town(place) else "town"
