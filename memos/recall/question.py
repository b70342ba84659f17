"""What of a question its answer may have said. Pure."""

import re
from typing import Final

_WORD: Final = re.compile(r"\w+(?:['’]\w+)?")
# They ask, and what answers does not say them; in what was said they stand in other people's questions.
_ASKING: Final = frozenset(("what", "which", "who", "whom", "whose", "when", "where", "why", "how", "now"))


def without_asking(question: str) -> str:
    """The question without the words that only ask; the question itself, when there are no others."""
    kept = [word for word in _WORD.findall(question) if word.casefold() not in _ASKING]
    return " ".join(kept) or question
