"""What may become of hints on their way."""

from typing import ClassVar

from workers.chaos.control import HintFate
from workers.chaos.nemeses.base import Lasting, Stage


class _Meddling(Lasting):
    """Something is done to hints as long as the fault lasts."""

    fate: ClassVar[HintFate]
    done: ClassVar[str]

    def inject(self, stage: Stage) -> None:
        """Begin."""
        stage.control.take_touched_hints()
        stage.control.set_hint_fate(self.fate)

    def heal(self, stage: Stage) -> str:
        """End."""
        stage.control.set_hint_fate(HintFate.ARRIVE)
        touched = stage.control.take_touched_hints()
        return f"{self.done} {touched} hints in {stage.away_s:g} s" if touched else ""


class DropHints(_Meddling):
    """Every other hint is lost, by chance."""

    fate = HintFate.DROP
    done = "lost"


class DuplicateHints(_Meddling):
    """Every hint is sent twice."""

    fate = HintFate.DOUBLE
    done = "doubled"
