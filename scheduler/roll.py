"""Who has been seen lately: workers, and providers of models."""

from typing import Final, Self, cast

from redis import Redis

from scheduler.connection import connect
from scheduler.scripts import Scripts

_FORGOTTEN_MS: Final = 24 * 3600 * 1000
_MOST: Final = 10_000


class Roll:
    """A list of names by the time at which each was last noted. Raises Unavailable."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._key = key

    @classmethod
    def from_url(cls, url: str, key: str) -> Self:
        """Over a connection of its own, made on first use. Raises InvalidConfig."""
        return cls(connect(url), key)

    def note(self, member: str) -> None:
        """It is there now. One that is silent for a day is forgotten."""
        self._scripts.run("roll_note", [self._key], member, _FORGOTTEN_MS)

    def list_recent(self, within_s: float, *, most: int = _MOST) -> list[str]:
        """Those noted within this time, last seen first."""
        return cast(list[str], self._scripts.run("roll_list", [self._key], round(within_s * 1000), most))

    def close(self) -> None:
        """Give the connection back."""
        self._redis.close()
