"""Models that are slow, fail or limit requests."""

from typing import ClassVar

from workers.chaos.nemeses.base import Lasting, Stage
from workers.chaos.provider import Mood


class _Moody(Lasting):
    """The provider is in another mood."""

    mood: ClassVar[Mood]

    def inject(self, stage: Stage) -> None:
        """From the next answer on."""
        stage.provider.mood = self.mood

    def heal(self, stage: Stage) -> str:
        """All is well."""
        stage.provider.mood = Mood.OK
        return f"{self.mood} for {stage.away_s:g} s"


class SlowLLM(_Moody):
    """Every answer takes seconds."""

    mood = Mood.SLOW


class FailingLLM(_Moody):
    """Every question is answered with status 500."""

    mood = Mood.FAILING


class StormLLM(_Moody):
    """Every question is answered with status 429 and Retry-After."""

    mood = Mood.STORM
