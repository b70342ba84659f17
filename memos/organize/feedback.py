"""What the verdict of a user or an application does to a memory's importance. Pure.

    useful    half of what is missing to 1 is added       0.5 -> 0.75 -> 0.875 -> ...
    wrong     a tenth of it is left                       0.5 -> 0.05 -> 0.005 -> ...

So a search ranks a useful memory before others that match as well, and a wrong one behind them; nothing is destroyed.
"""

from enum import StrEnum
from typing import Final

_GAINED: Final = 0.5
_LEFT: Final = 0.1


class Verdict(StrEnum):
    """What somebody thought of a memory that was shown."""

    USEFUL = "useful"
    WRONG = "wrong"


def judge(importance: float, verdict: Verdict) -> float:
    """The importance after the verdict, from 0 to 1 as before."""
    if verdict is Verdict.WRONG:
        return importance * _LEFT
    return importance + (1 - importance) * _GAINED
