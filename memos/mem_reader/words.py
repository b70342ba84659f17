"""Which words carry meaning."""

import re
from typing import Final

WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_STOPWORDS = """
a about above actually after again ago all almost already also although always am an and another any anything
are around as ask at away back be because been before being below between both bit but by can cannot can't could
couldn't day did didn't do does doesn't doing don't done down during each either else enough even ever every for
    from get gets getting go going gonna good got had hadn't has hasn't have haven't having he he'd he'll he's her here
hers him his how i i'd i'll i'm i've if in into is isn't it it'd it'll it's its just kind know last later least let
let's like little look lot lots made make makes many may maybe me mean might mine more most much must my myself
    need never next no nor not nothing now of off often oh ok okay on once one only or other our ours out over own
perhaps please pretty quite rather really right said same say see seem seems she she'd she'll she's should so some
someone something soon sort still such sure take than thank thanks that that'd that's the their theirs them then
there there's these they they'd they'll they're they've thing things think this those though thought through time
to today together tomorrow tonight too two under until up upon us usually very want wanted wants was wasn't way we
we'd we'll we're we've week well went were weren't what what's when where which while who whose why will with
won't would wouldn't year yeah yes yesterday yet you you'd you'll you're you've your yours
"""
STOPWORDS: Final = frozenset(_STOPWORDS.split())

_FIRST_PERSON: Final = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself|[Ww]e|[Oo]urs?|[Uu]s|i(?=[ '’]))\b")
# The same of other languages, without what English writes alike: Mia, Mon, EU, IO.
_FIRST_PERSON_ELSEWHERE: Final = re.compile(
    r"\b(?:[Ii]ch|[Mm]ein(?:e[mnrs]?)?|[Mm]ich|[Mm]ir|[Ww]ir|[Uu]nser(?:e[mnrs]?)?|[Jj]e|[Jj](?=['’])|mon|[Nn]ous|[Nn]otre"
    r"|[Yy]o|[Mm]is?|[Nn]osotr[oa]s|[Ee]u|[Mm]eus?|[Mm]inhas?|[Nn]ós|[Ii]o|[Mm]io|mia|[Mm]iei|[Nn]oi"
    r"|[Яя]|[Мм]не|[Мм]еня|[Мм]о[йяёи]|[Мм]ы|أنا|نحن|אני|אנחנו|שלי|저는|제가|나는|내가|우리)\b|[我私僕俺]|ฉัน|ผม"
)
# Scripts that write words without spaces, where a word count says nothing.
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def content_words(text: str) -> list[str]:
    """The words of ``text`` in small letters, in order, without those that every sentence has."""
    words = (word.lower().replace("’", "'") for word in WORD.findall(text))
    return [word for word in words if word not in STOPWORDS]


def is_first_person(text: str) -> bool:
    """Whether the speaker speaks of himself or of a group he belongs to."""
    return any(pattern.search(text) for pattern in (_FIRST_PERSON, _FIRST_PERSON_ELSEWHERE))


def is_unspaced(text: str) -> bool:
    """Whether ``text`` holds letters of a script without spaces between words."""
    return not text.isascii() and _UNSPACED.search(text) is not None
