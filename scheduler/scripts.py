"""The Lua scripts of ``scheduler/lua``: each runs as one atomic step, by EVALSHA, loaded again when Redis forgot it."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final

from redis import Redis
from redis.exceptions import NoScriptError

from scheduler.connection import redis_guard

NAMES: Final = (
    "put", "take", "beat", "save_answers", "commit", "retry", "finish", "cancel", "look", "claim", "list", "pending",
)  # fmt: skip
Argument = str | int


class Scripts:
    """Runs scripts by name. Raises Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._shas = {name: sha1(text.encode()).hexdigest() for name, text in load_texts().items()}  # noqa: S324

    def run(self, name: str, keys: Sequence[str], *args: Argument) -> Any:
        """One script, one round trip."""
        with redis_guard():
            try:
                return self._redis.evalsha(self._shas[name], len(keys), *keys, *args)
            except NoScriptError:
                self._load()
                return self._redis.evalsha(self._shas[name], len(keys), *keys, *args)

    def run_many(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """One script for several sets of keys and arguments, in one round trip; the answers in order."""
        with redis_guard():
            try:
                return self._pipeline(name, calls)
            except NoScriptError:
                self._load()
                return self._pipeline(name, calls)

    def _pipeline(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for keys, args in calls:
            pipeline.evalsha(self._shas[name], len(keys), *keys, *args)
        return pipeline.execute()

    def _load(self) -> None:
        for text in load_texts().values():
            self._redis.script_load(text)


@cache
def load_texts() -> Mapping[str, str]:
    """The text of each script as Redis gets it: the common part, then its own."""
    folder = files("scheduler") / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    return {name: common + (folder / f"{name}.lua").read_text(encoding="utf-8") for name in NAMES}
