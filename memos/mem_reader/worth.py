"""Whether a sentence is worth keeping: not a greeting, thanks, a question, a request, nor an echo."""

import re
from typing import Final

from memos.mem_reader.courtesies import is_courtesy
from memos.mem_reader.entities import find_entities
from memos.mem_reader.words import content_words, is_first_person, is_unspaced

_MIN_LETTERS: Final = 4
# Content words that say nothing of the speaker when they stand alone.
_EMPTY: Final = frozenset(
    ("believe", "hear", "heard", "wait", "guess", "agree", "understand", "appreciate", "wonder", "wondering", "sorry",
     "glad", "hey", "hi", "hello", "wow", "awesome", "amazing", "cool", "nice", "great", "welcome", "hope", "bye")
)  # fmt: skip

_OPENER: Final = re.compile(
    r"(?:(?:hey|hi|hello|hiya|oh|ooh|ah|aw+|wow|whoa|haha|ha|lol|well|so|okay|ok|alright|anyway|btw|by the way|yeah|yep"
    r"|yup|yes|no|nope|nah|sure|right|thanks(?: so much| a lot)?|thank you(?: so much)?|great|cool|nice|awesome|hmm+"
    r"|actually|honestly|man|um|uh|oops|good (?:morning|afternoon|evening)|of course|absolutely|definitely|exactly"
    r"|great question|good question|not much|you know)"
    r"(?:,? [A-Z][\w’'-]*)?\s?[,!.…:—–-]+\s*)+",
    re.IGNORECASE,
)
_VOCATIVE: Final = re.compile(r",\s+[A-Z][\w’'-]*\s*[!.…]*$")
_QUESTION: Final = re.compile(r"[?？؟][\"'”’)\]]*$")
_ASKS: Final = re.compile(r"(?:can|could|would|will|do|did|are|have|should) (?:you|i|we)\b", re.IGNORECASE)
_DECLARES: Final = re.compile(r"(?:I|we|my|our)\b[^?]{8,},", re.IGNORECASE)
_SMALL_TALK: Final = re.compile(
    r"""(?:
      (?:good|nice|great|lovely)\ (?:morning|afternoon|evening|night|to\ (?:see|hear|meet|chat|talk)\b.*)
    | (?:many\ )?thank(?:s|\ you)\b.* | i\ (?:really\ )?appreciate\b.* | (?:good)?bye\b.* | see\ you\b.*
    | take\ care\b.*
    | talk\ (?:to\ you\ )?(?:soon|later).* | have\ a\ (?:good|great|nice|lovely)\b.* | catch\ you\ later.*
    | i\ (?:see|know|know,?\ right|guess(?:\ so)?|hope\ so|think\ so|get\ (?:it|that)
      |(?:totally\ |completely\ )?agree.*)
    | i(?:'m|\ am)\ (?:doing\ )?(?:fine|good|great|ok|okay|well|here|back|ready|all\ ears|not\ sure)(?:\b,?.{0,25})
    | i(?:'m|\ am)\ (?:so\ |really\ |very\ )?(?:sorry|glad|happy|thrilled)\ (?:
      to\ hear|for\ you|you|about\ that|that)\b.*
    | i(?:'ll|\ will)\ (?:let\ you\ know|keep\ you\ posted|try|do\ that|think\ about\ it|check\ it\ out
      |give\ it\ a\ try)\b.*
    | i\ can(?:'t|not)\ (?:wait|believe\ it).{0,20} | i\ (?:was\ wondering|wonder|have\ a\ (?:quick\ )?question)\b.*
    | you(?:'re|\ are)\ (?:welcome|right|so|the|very|too|such)\b.* | (?:that|it)\ (?:makes|would\ make)\ sense.*
    | (?:that(?:'s|\ is|\ sounds|\ was)|sounds|looks)\ (?:so\ |really\ |very\ |like\ )*\w+(?:\ \w+){0,4}
    | let\ me\ (?:know|see|think|check)\b.* | (?:keep\ up|well\ done|good\ luck|congrat\w*|cheers|enjoy)\b.*
    | (?:me\ too|same\ here|got\ it|never\ mind|no\ (?:problem|worries)|will\ do|makes\ sense|perfect|exactly|absolutely
      |definitely|sure(?:\ thing)?|of\ course|go\ ahead|please\ do|how\ are\ you.*|what\ a\ \w+(?:\ \w+)?)
    )[\s!.,…]*""",
    re.IGNORECASE | re.VERBOSE,
)
_REQUEST: Final = re.compile(
    r"(?:please )?(?:tell|show|give|help|explain|write|translate|summari[sz]e|recommend|suggest|list|describe|find"
    r"|search|create|generate|draft|fix|compare|calculate|convert|define|rewrite|rephrase|proofread|ignore)\b",
    re.IGNORECASE,
)
_OWN: Final = re.compile(r"\b(?:I|my|our|we)\b|\bI['’]", re.IGNORECASE)
_ABOUT_THE_OTHER: Final = re.compile(
    r"(?:that|that['’]s|this|it|it['’]s|you|you['’]re|you['’]ll|you['’]ve|your|glad|sounds|looks|so|what|how|such|hope"
    r"|keep|good|great|nice|enjoy|congrat\w*|best|wishing|can['’]t)\b",
    re.IGNORECASE,
)
_TO_THE_OTHER: Final = re.compile(r"(?:you|you['’]\w+|your|glad|hope|keep|enjoy|congrat\w*)\b", re.IGNORECASE)
_CALLED: Final = re.compile(r"^[A-Z][\w’'-]+, (?=(?:you|your|glad|that|thanks|it|so|I|what|how)\b)")
_DEPENDENT: Final = re.compile(
    r"(?:it|it['’]s|that|that['’]s|this|they|they['’]re|he|he['’]s|she|she['’]s|there|and|but|because|so|also|then|plus|her"
    r"|his|their|its|especially|mostly|both|one of|which|apparently|instead|otherwise)\b",
    re.IGNORECASE,
)


def without_opener(sentence: str) -> str:
    """The sentence without greetings, interjections and a name called at its start, its first letter large."""
    opener = _OPENER.match(sentence)
    rest = _CALLED.sub("", sentence[opener.end() if opener else 0 :], count=1)
    return rest[:1].upper() + rest[1:]


def is_question(sentence: str) -> bool:
    """Whether a sentence asks and states nothing: ``I moved, did I tell you?`` states something."""
    if _QUESTION.search(sentence):
        return _DECLARES.match(sentence) is None
    return _ASKS.match(sentence) is not None


def is_small_talk(sentence: str) -> bool:
    """Whether a sentence is a set phrase of politeness or agreement."""
    plain = _VOCATIVE.sub("", sentence).replace("’", "'")
    return _SMALL_TALK.fullmatch(plain) is not None or is_courtesy(sentence)


def is_worth_keeping(sentence: str) -> bool:
    """Whether a sentence, its opener removed, is a statement that could matter later."""
    if sum(letter.isalpha() for letter in sentence) < _MIN_LETTERS or is_question(sentence):
        return False
    plain = _VOCATIVE.sub("", sentence)
    if is_small_talk(sentence) or (_REQUEST.match(plain) and not _OWN.search(plain)):
        return False
    if is_unspaced(plain):
        return True
    return _says_something(plain)


def continues_previous(sentence: str) -> bool:
    """Whether a sentence leans on the one before it, as ``It was cold.`` does, and adds to it."""
    if not _DEPENDENT.match(sentence) or is_question(sentence):
        return False
    return len(content_words(sentence)) >= 2 and not is_small_talk(sentence)


def _says_something(sentence: str) -> bool:
    words = [word for word in content_words(sentence) if word not in _EMPTY]
    if is_first_person(sentence):
        return bool(words)
    if find_entities(sentence) or any(word[0].isdigit() for word in words):
        return len(words) >= 2 and not _TO_THE_OTHER.match(sentence)
    return len(words) >= 3 and not _ABOUT_THE_OTHER.match(sentence)
