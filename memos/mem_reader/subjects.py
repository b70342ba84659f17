"""What a statement is about: a short key, the same for a fact and for what replaces it, and a category."""

import re
from typing import Final

from memos.mem_reader.words import content_words
from memos.types import Category

_KEY_WORDS: Final = 3
_MAX_KEY_CHARS: Final = 80
_RELATIVES: Final = (
    "wife|husband|spouse|partner|fiancée?|girlfriend|boyfriend|mother|mum|mom|father|dad|parents|sister|brother|sibling"
    "|son|daughter|child|kids|aunt|uncle|cousin|niece|nephew|grandmother|grandma|grandfather|grandpa|friend|roommate"
    "|flatmate|neighbou?r|boss|manager|colleague|coworker|mentor|teacher|doctor|dentist|landlord|dog|cat|puppy|kitten"
    "|rabbit|parrot"
)

# The first that matches names the subject.
_KEYS: Final = tuple(
    (key, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE))
    for key, pattern in (
        ("name", r"my (?:full |last |first )?name(?: is|['’]s)|call me"),
        ("birthday", r"birthday|born (?:on|in)"),
        ("age", r"(?:I['’]m|I am|turned|turning|is) \d{1,3}(?: years old)?(?=[.,!]|$| years)"),
        ("allergy", r"allerg(?:y|ies|ic)|intoleran(?:t|ce)"),
        ("diet", r"vegan|vegetarian|pescatarian|keto|gluten-free|halal|kosher|diet|eat(?:ing)? (?:no |any )?meat"),
        (
            "home city",
            r"mov(?:ed|ing|e) (?:back )?(?:to|from|in with)|liv(?:e|es|ed|ing) in|relocat\w+|based in|resid\w+ in"
            r"|settled in|new (?:flat|apartment|house|place)|home is",
        ),
        (
            "job",
            r"work(?:s|ed|ing)? (?:at|for|as)|new (?:job|role|position|boss)|promot(?:ed|ion)|hired|employ\w+|laid off"
            r"|(?:quit|left|lost|love|hate) my job|my (?:job|career|salary)|(?:a|the) job (?:at|with|as)|resign\w*"
            r"|job offer|first day at|joined|freelanc\w+",
        ),
        ("studies", r"studying|studied|university|degree|master['’]s|thesis|phd|graduat\w+|enrol\w+|semester"),
        ("marriage", r"married|wedding|engaged|divorc\w+|marry\w*|proposed"),
        ("health", r"diagnosed|surgery|injur\w+|medication|asthma|diabet\w+|migraines?|sprain\w*|physio\w*"),
        ("pet", r"my (?:dog|cat|puppy|kitten|rabbit|parrot)|adopted a"),
        ("car", r"my (?:car|bike|motorbike)|bought a (?:car|bike|motorbike)|driving licence"),
        ("phone", r"my (?:new )?phone|phone number"),
        ("languages", r"learning (?:to speak )?[A-Z]\w+(?:ese|ish|ian|an|ch|ic)|(?:I )?speak [A-Z]\w+"),
        ("trip", r"trip|flights?|fly(?:ing)? to|flew to|vacation|holidays?|travel\w*|honeymoon"),
    )
)
_FAVOURITE: Final = re.compile(r"\bfavou?rite (?P<thing>\w+(?: \w+)?) (?:is|are|was)\b", re.IGNORECASE)
_POSSESSION: Final = re.compile(r"(?:[Mm]y|[Oo]ur) (?P<thing>[\w-]+(?: [\w-]+)?) (?:is|are|was|were|has|have)\b")
_RELATIVE: Final = re.compile(rf"\b[Mm]y (?:\w+ )?(?P<who>{_RELATIVES})\b")
_OTHER_SUBJECT: Final = re.compile(
    rf"(?:(?:and|but|so|also|well) )?(?:my (?:\w+ )?(?P<who>{_RELATIVES})\b(?! and I\b)"
    r"|(?P<name>[A-Z][\w’'-]+) (?:is|was|has|had|will|went|got|came|took|\w+(?:s|ed))\b)",
    re.IGNORECASE,
)

_CATEGORIES: Final = tuple(
    (category, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for category, pattern in (
        (
            Category.INSTRUCTION,
            r"""^(?:please\ )?(?:always|never(?!\ (?:been|had|knew|thought))|do\ not|don['’]t
            |remember|call\ me|note\ that|remind\ me|keep\ in\ mind)\b
            | \bfrom\ now\ on\b | \bplease\ (?:always|never|remember|don['’]t|keep|use|call|remind|address)\b
            | \byou\ (?:should|must|can)\ (?:always|never|call\ me)\b | \bwhen\ you\ (?:answer|reply|write)\b""",
        ),
        (
            Category.PREFERENCE,
            r"""\b(?:love|loves|loved|like|likes|enjoy|enjoys|prefer|prefers|hate|hates|dislike|adore|rather|fond\ of
            |favou?rite|can['’]t\ stand|fan\ of|vegan|vegetarian|pescatarian|not\ into|into\ \w+ing|obsessed)\b
            (?!\ to\ (?:book|go|come|see|visit)\b)""",
        ),
        (
            Category.PLAN,
            r"""\b(?:will|going\ to|gonna|plan(?:s|ning)?\ (?:to|on)|want\ to|hop(?:e|ing)\ to|intend
            |thinking\ (?:of|about)|about\ to|scheduled|deadline|booked|postpon\w+|reschedul\w+
            |signed\ up|look(?:ing)?\ forward)\b
            | ['’]ll\b | ['’]m\ (?:moving|starting|flying|travelling|traveling|meeting|running|taking|visiting)\b""",
        ),
        (
            Category.RELATION,
            rf"""\bmy\ (?:\w+\ )?(?:{_RELATIVES})(?:['’]s\ name)?(?:,\ |\ (?:is|['’]s|named|called)\b)
            | \b(?:married|engaged|related)\ to\b | ^my\ (?:{_RELATIVES})\ (?-i:[A-Z])""",
        ),
        (
            Category.EVENT,
            r"""\b(?:was|were|went|got|came|saw|met|took|bought|left|ran|won|lost|gave|found|had|did|made|began|broke|flew
            |spent|taught|sold|built|wrote|\w{2,}(?<!ne)(?<!fe)(?<!bre)ed)\b""",
        ),
    )
)


def find_category(sentence: str) -> Category:
    """What sort of statement it is; a fact, unless its words say otherwise."""
    return next((category for category, pattern in _CATEGORIES if pattern.search(sentence)), Category.FACT)


def find_key(sentence: str) -> str:
    """The subject in a few words: ``home city``, ``sister job``, ``favourite film``, else its first telling words."""
    favourite = _FAVOURITE.search(sentence)
    if favourite:
        return f"favourite {favourite['thing'].lower()}"[:_MAX_KEY_CHARS]
    owner = _find_owner(sentence)
    for key, pattern in _KEYS:
        if pattern.search(sentence):
            return f"{owner} {key}".strip()[:_MAX_KEY_CHARS]
    possession = _POSSESSION.match(sentence)
    if possession:
        return possession["thing"].lower()[:_MAX_KEY_CHARS]
    return " ".join(content_words(sentence)[:_KEY_WORDS])[:_MAX_KEY_CHARS]


def _find_owner(sentence: str) -> str:
    """Whom a statement is about, when it is not the speaker."""
    subject = _OTHER_SUBJECT.match(sentence)
    if subject and subject["who"]:
        return subject["who"].lower()
    name = subject["name"] if subject else None
    return name.lower() if name and name[0].isupper() and content_words(name) else ""
