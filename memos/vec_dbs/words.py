"""What a text is to a text search: folded and stemmed words, the same for every index.

Analysis happens here and not in the server, because Milvus Lite has no stemmer: the index gets words that are ready,
and its own analyzer only splits them at the spaces. English words are stemmed (Snowball), accents of Latin letters
fold away, and runs of Chinese, Japanese and Korean characters become overlapping pairs, so that they can be found
without a dictionary.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from snowballstemmer.english_stemmer import EnglishStemmer

_WORD: Final = re.compile(r"[^\W_]+")
_CJK: Final = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+)")
_LATIN_MARKS: Final = re.compile(r"[\u0300-\u036f]")
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
        for part in _CJK.split(word):
            if _CJK.match(part):
                yield from _pairs(part)
            elif part:
                yield part[:MAX_WORD_CHARS]


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", apart))


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for start in range(len(run) - 1):
        yield run[start : start + 2]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    # A stemmer keeps the word that it works on, so each call has one of its own.
    return EnglishStemmer().stemWord(word) if word.isascii() else word
