"""What every embedder does."""

from collections.abc import Sequence
from typing import Protocol


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

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector per text, in order. Batches inside."""
        ...
