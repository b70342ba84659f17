"""How often the queues are filled up. No I/O, no clock.

Nobody tells when a worker picks a hint up. So it is learnt from what is found the next time: a queue that has run dry
was filled too late, and a worker may have been idle; one that is still full was filled for nothing.
"""

from dataclasses import dataclass, field
from typing import Final

SHORTEST_PAUSE_S: Final = 0.001
FIRST_PAUSE_S: Final = 0.005
LONGEST_PAUSE_S: Final = 0.1


@dataclass(kw_only=True, slots=True)
class Pace:
    """How long to pause while turns are due."""

    pause_s: float = field(default=FIRST_PAUSE_S)

    def note(self, *, published: int, ran_dry: bool) -> None:
        """Workers that found nothing shorten the pause; places that are all taken still lengthen it."""
        if published and ran_dry:
            self.pause_s = max(self.pause_s / 2, SHORTEST_PAUSE_S)
        elif published:
            self.pause_s = min(self.pause_s, FIRST_PAUSE_S)
        else:
            self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)
