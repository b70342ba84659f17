"""What is checked of the vectors that a provider sends."""

import logging
import math
import threading
from collections.abc import Sequence

from memos.llms.openai_client import Endpoint, protocol_error

logger = logging.getLogger(__name__)


class VectorCheck:
    """Lets pass as many vectors as there are texts, all of one dimension and with a direction. Thread-safe.

    The first answer fixes the dimension; ``expected_dims`` that differ from it are worth one warning and no more.
    """

    def __init__(self, endpoint: Endpoint, *, model: str, expected_dims: int | None) -> None:
        self._endpoint = endpoint
        self._model = model
        self._expected_dims = expected_dims
        self._dimension = 0
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """The dimension of all vectors so far; 0 before the first."""
        return self._dimension

    def unit(self, rows: Sequence[Sequence[float]], *, texts: int) -> list[list[float]]:
        """The rows at length 1. Raises Unavailable for what no working model answers."""
        if len(rows) != texts:
            raise protocol_error(self._endpoint, f"{len(rows)} vectors for {texts} texts")
        return [self._unit(row) for row in rows]

    def _unit(self, row: Sequence[float]) -> list[float]:
        length = math.hypot(*row)
        if not 0 < length < math.inf:
            raise protocol_error(self._endpoint, f"a vector of length {length}, which has no direction")
        self._fix_dimension(len(row))
        return [value / length for value in row]

    def _fix_dimension(self, found: int) -> None:
        with self._lock:
            if not self._dimension:
                self._dimension = found
                warn_of_dimension(self._model, expected=self._expected_dims, found=found)
        if found != self._dimension:
            raise protocol_error(self._endpoint, f"a vector of {found} numbers after ones of {self._dimension}")


def warn_of_dimension(model: str, *, expected: int | None, found: int) -> None:
    """Say in the log that a configured dimension is not the model's."""
    if expected is not None and expected != found:
        logger.warning(
            "embedding_dims is %d, but the vectors of %s have %d numbers; %d is used", expected, model, found, found
        )
