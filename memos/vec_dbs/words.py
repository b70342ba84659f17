"""What a text is to a text search: folded and stemmed words, the same for every index.

Analysis happens here and not in the server, because Milvus Lite has no stemmer: the index gets words that are ready,
and its own analyzer only splits them at the spaces. How a word is made depends on its script:

    Latin                              accents fold away; English words are stemmed (Snowball)
    Chinese, Japanese, Korean          overlapping pairs of characters, so that no dictionary is needed
    Thai, Lao, Burmese, Khmer          the same, a character being a letter with its signs
    Hindi and its relatives            words with their vowel signs
    Arabic, Hebrew                     words without their points, which are seldom written
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from snowballstemmer.english_stemmer import EnglishStemmer

_WORD: Final = re.compile(r"[^\W_]+")
_SILENT: Final = re.compile(
    r"[\u0300-\u036f"  # Latin accents
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # Arabic ones
    r"\u200d]"  # the joiner
)
# Signs from Devanagari to Khmer are part of a word, but Milvus's analyzer splits words at them. So each is spelled by
# a letter of its own, from a block of Chinese characters that no text of today has.
_FIRST_SIGN, _BEHIND_SIGNS, _FIRST_LETTER = 0x0900, 0x1800, 0x30000
_SIGNS: Final = {
    code: chr(_FIRST_LETTER + code - _FIRST_SIGN)
    for code in range(_FIRST_SIGN, _BEHIND_SIGNS)
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
}
_CHARACTER: Final = (
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    r"\U00020000-\U0002ffff][\U00030000-\U00030eff]*"
)
_UNSPACED: Final = re.compile(rf"((?:{_CHARACTER})+)")
_CHARACTERS: Final = re.compile(_CHARACTER)
MAX_WORD_CHARS: Final = 64
# Words that nearly every sentence has: they find nothing, and cost an index more than all others together.
STOP_WORDS: Final = frozenset(
    _WORD.findall(
        "a an the and or but of to in on at for with by from as is are was were be been am it its this that i me my you"
        " your he him his she her we us our they them their do does did have has had would could s t"
    )
)


def words_of(text: str) -> list[str]:
    """The words by which ``text`` is found, in order and with repetitions; stop words are left out."""
    return [_stem(word) for word in _plain_words(text) if word not in STOP_WORDS]


def _plain_words(text: str) -> Iterator[str]:
    for word in _WORD.findall(_fold(text)):
        for part in _UNSPACED.split(word):
            if _UNSPACED.match(part):
                yield from _pairs(_CHARACTERS.findall(part))
            elif part:
                yield part[:MAX_WORD_CHARS]


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _SILENT.sub("", apart)).translate(_SIGNS)


def _pairs(characters: Sequence[str]) -> Iterator[str]:
    if len(characters) == 1:
        yield characters[0]
    for start in range(len(characters) - 1):
        yield characters[start] + characters[start + 1]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    # A stemmer keeps the word that it works on, so each call has one of its own.
    return EnglishStemmer().stemWord(word) if word.isascii() else word
