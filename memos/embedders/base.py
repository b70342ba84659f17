"""What every embedder does."""

from collections.abc import Sequence
from typing import Literal, Protocol, cast

from memos.errors import InvalidRequest

Purpose = Literal["document", "query", "update"]
"""What a text's vector is for: to be kept, to find others by, or to be kept in the place of an earlier one.

Models that know no difference take ``update`` for ``document``; those that know none at all take all three alike.
"""


class Embedder(Protocol):
    """Turns texts into unit vectors of one dimension. Thread-safe. Raises Unavailable when its model is away."""

    @property
    def model(self) -> str:
        """The model's name, recorded with a collection."""
        ...

    @property
    def dimension(self) -> int:
        """Probed from the model, never taken from a configuration."""
        ...

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        """One unit vector per text, in order. Batches inside. Raises InvalidRequest for what is no list of texts."""
        ...


def parse_texts(texts: object) -> Sequence[str]:
    """What is to be embedded: several texts. One alone is refused, since each of its letters would be a text."""
    if not isinstance(texts, Sequence) or isinstance(texts, str | bytes):
        raise InvalidRequest(f"texts must be a list of strings, not {type(texts).__name__}; put one text into a list")
    for position, text in enumerate(cast(Sequence[object], texts)):
        if not isinstance(text, str):
            raise InvalidRequest(f"texts[{position}] must be a string, not {type(text).__name__}")
    return cast(Sequence[str], texts)
