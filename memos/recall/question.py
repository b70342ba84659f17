"""What of a question its answer may have said. Pure."""

import re
from typing import Final

# They ask, and what answers does not say them; in what was said they stand in other people's questions.
_ASKING: Final = re.compile(r"(?<![\w'’])(?:what|which|who|whom|whose|when|where|why|how|now)(?![\w'’])", re.IGNORECASE)
_LETTER: Final = re.compile(r"\w")


def without_asking(question: str) -> str:
    """The question without the words that only ask; the question itself, when there are no others."""
    kept = _ASKING.sub(" ", question)
    return " ".join(kept.split()) if _LETTER.search(kept) else question
