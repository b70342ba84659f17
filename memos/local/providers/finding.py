"""What a question to a provider came to."""

from dataclasses import dataclass
from typing import Final

TIMEOUT_S: Final = 4.0
_SHOWN_NAMES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found and, when something should be done, what. A warning is about what works all the same."""

    detail: str
    advice: str = ""
    is_warning: bool = False

    @property
    def ok(self) -> bool:
        """True when nothing needs to be done."""
        return not self.advice


SILENT: Final = Finding(
    detail=f"no answer within {TIMEOUT_S:g} s",
    advice="check that the server runs and that the address is right; a model that is loaded first may take longer",
)


def wrong_dims(*, found: int, expected: int) -> Finding:
    """For vectors that are not as long as configured: the real length is used."""
    return Finding(
        detail=f"answers, with vectors of {found} numbers where embedding_dims is {expected}",
        advice=f"set embedding_dims to {found}, or leave it out",
        is_warning=True,
    )


def shorten(names: list[str]) -> str:
    """The first names of a list that may be long."""
    return ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
