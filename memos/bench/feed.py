"""Recorded turns through ``MOS.add`` and the workers into the stores, and from a memory back to its turns."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from memos.bench.conversations import Turn
from memos.bench.settling import wait_until_settled
from memos.configs.mem_os import MOSConfig
from memos.errors import Unavailable
from memos.ids import CubeId, JobId, MessageId, TenantId, message_id
from memos.mem_os.intake import Added
from memos.mem_os.main import MOS
from memos.settings import Settings
from memos.types import JobState

USER: Final = "bench"
_WAIT_S: Final = 600.0


class Feed:
    """A tenant of the benchmark, what was said in its cubes, and the turn behind each message."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.tenant = TenantId(f"bench-{name}")
        self._settings = settings
        config = MOSConfig(user_id=USER, enable_mem_scheduler=True)
        self.mos = MOS(config, settings=settings.model_copy(update={"tenant": self.tenant}))
        self._turn_of: dict[MessageId, Turn] = {}

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *exception: object) -> None:
        self.mos.close()

    def add_cube(self, cube: CubeId) -> None:
        """Make an empty cube."""
        self.mos.create_cube_for_user(cube, owner_id=USER, cube_id=cube)

    def tell(self, said: Iterable[tuple[CubeId, Turn]]) -> None:
        """Add the turns one by one; returns when search can find all of them. Raises Unavailable."""
        jobs = [self._add(cube, turn) for cube, turn in said]
        for added in self.mos.wait(jobs, timeout_s=_WAIT_S):
            _require_done(added)

    def settle(self) -> None:
        """Wait for the work that follows."""
        wait_until_settled(self._settings, [self.tenant])

    def turns_of(self, item: Any) -> Sequence[Turn]:
        """The turns that a memory came from."""
        return [self._turn_of[MessageId(source.message_id)] for source in item.sources]

    def _add(self, cube: CubeId, turn: Turn) -> str:
        job = self.mos.add([turn.as_message()], mem_cube_id=cube, session_id=turn.session).job_id
        self._turn_of[message_id(self.tenant, cube, JobId(job), 0)] = turn
        return job


def _require_done(added: Added) -> None:
    if added.state is not JobState.SUCCEEDED:
        raise Unavailable("worker", f"job {added.job_id} is {added.state}; see `memos jobs`")
