"""MOS's calls about the life of memories: archived and restored, pinned, given an end, judged, pruned, retained.

A memory keeps its id through all of it, and its version grows with every change; a call that would change nothing
leaves it as it is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from memos.configs.retention import RetentionConfig
from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId
from memos.mem_os.core import Calls
from memos.memories.textual.item import TextualMemoryItem, TextualMemoryMetadata, milliseconds_of, time_of
from memos.memories.textual.pruning import PruneReport
from memos.organize.feedback import Verdict, judge
from memos.organize.prune import parse_rules
from memos.organize.retention import Retention, check_deletion, choose, common_retention, rules_of
from memos.types import DEFAULT_IMPORTANCE, MemoryStatus

Change = Callable[[TextualMemoryMetadata], Mapping[str, Any]]
"""From what is known of a memory to the fields that change."""


class CareCalls(Calls):
    """What becomes of memories; without ``mem_cube_id`` in the user's first cube.

    Each call needs the right to write, but for those about a cube's retention, and raises AccessDenied, NotFound and
    InvalidRequest; one about a single memory returns it as it is afterwards.
    """

    def archive(
        self, memory_id: str, *, mem_cube_id: str | None = None, user_id: str | None = None
    ) -> TextualMemoryItem:
        """Keep a memory where no search and no chat finds it; ``get`` still returns it, ``restore`` brings it back."""
        return self._care(memory_id, mem_cube_id, user_id, lambda known: {"status": MemoryStatus.ARCHIVED})

    def restore(
        self, memory_id: str, *, mem_cube_id: str | None = None, user_id: str | None = None
    ) -> TextualMemoryItem:
        """Have an archived memory found again.

        What it was archived for does not take it again: an end that has passed is removed, and its importance is at
        least that of a new memory.
        """
        return self._care(memory_id, mem_cube_id, user_id, lambda known: _restored(known, self._now()))

    def pin(
        self, memory_id: str, pinned: bool = True, *, mem_cube_id: str | None = None, user_id: str | None = None
    ) -> TextualMemoryItem:
        """Have a memory not fade, nor be archived for its age, importance or number; or, with False, again."""
        if not isinstance(pinned, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"pinned must be True or False, not {pinned!r:.40}")
        return self._care(memory_id, mem_cube_id, user_id, lambda known: _pinned(known, self._now(), pinned))

    def expire(
        self,
        memory_id: str,
        at: datetime | None = None,
        *,
        mem_cube_id: str | None = None,
        user_id: str | None = None,
    ) -> TextualMemoryItem:
        """Give a memory an end, or take it away with None. A time without an offset is UTC.

        From then on no search finds it, and the next daily job archives it.
        """
        end = None if at is None else _parse_end(at)
        return self._care(memory_id, mem_cube_id, user_id, lambda known: {"expires_at": end})

    def feedback(
        self,
        memory_id: str,
        verdict: Verdict | str,
        *,
        mem_cube_id: str | None = None,
        user_id: str | None = None,
    ) -> TextualMemoryItem:
        """Say that a memory was "useful", so that searches rank it higher, or "wrong", so that they rank it lower.

        How much its importance changes is in memos/organize/feedback.py; "useful" also counts as a use of it.
        """
        said = _parse_verdict(verdict)
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "write")
        judged = self._change(cube, memory, lambda known: _judged(known, self._now(), said))
        if said is Verdict.USEFUL:
            self._parts.uses.note(self._parts.tenant, [(cube, memory)])
        return judged

    def prune(
        self,
        *,
        older_than_days: float | None = None,
        below_importance: float | None = None,
        keep: int | None = None,
        delete: bool = False,
        dry_run: bool = False,
        mem_cube_id: str | None = None,
        user_id: str | None = None,
    ) -> PruneReport:
        """Archive a cube's memories that are too old, too little important, or beyond the best ``keep``.

        Without any of these rules, those that the cube's retention has not let stay by now. With ``delete``, which
        needs a rule, they are removed for good, archived ones too; with ``dry_run`` nothing is changed. What is pinned,
        instructions and working memory stay. Which one goes first: memos/organize/prune.py.
        """
        asked = parse_rules(max_age_days=older_than_days, below_importance=below_importance, keep=keep)
        if delete:
            check_deletion(asked)
        cube = self._stored_cube(mem_cube_id, user_id, "write")
        rules = rules_of(asked, choose(self._find_retention(cube), common_retention(self._settings)))
        return self._parts.pruner.prune(self._parts.tenant, cube, rules, delete=delete, dry_run=dry_run)

    def set_retention(
        self,
        mem_cube_id: str,
        *,
        max_age_days: float | None = None,
        below_importance: float | None = None,
        keep: int | None = None,
        user_id: str | None = None,
    ) -> None:
        """Have workers archive once a day what is older, less important, or beyond the best ``keep``, in this cube.

        A limit that is given goes before the installation's, and 0 is no limit; one that is left out is the
        installation's, whatever the cube said before. Needs the right to manage the cube.
        """
        cube = self._stored_cube(mem_cube_id, user_id, "manage")
        wanted = RetentionConfig(max_age_days=max_age_days, below_importance=below_importance, keep=keep)
        self._parts.stores.graph.set_retention(self._parts.tenant, cube, wanted.said())

    def get_retention(self, mem_cube_id: str, *, user_id: str | None = None) -> Retention:
        """What the cube itself says, None for a limit that is the installation's. Needs the right to read."""
        return self._find_retention(self._stored_cube(mem_cube_id, user_id, "read")) or Retention()

    def _find_retention(self, cube: CubeId) -> Retention | None:
        return self._parts.stores.graph.find_retention(self._parts.tenant, cube)

    def _care(self, memory_id: str, cube_id: str | None, user_id: str | None, change: Change) -> TextualMemoryItem:
        return self._change(*self._memory(cube_id, memory_id, user_id, "write"), change)

    def _change(self, cube: CubeId, memory: MemoryId, change: Change) -> TextualMemoryItem:
        text = self._parts.registry.text_of(cube)
        item = text.get(memory)
        changes = change(item.metadata)
        if all(item.metadata[name] == value for name, value in changes.items()):
            return item
        return text.update(memory, {"metadata": changes})

    def _now(self) -> datetime:
        return time_of(self._parts.clock.now_ms())


def _restored(known: TextualMemoryMetadata, now: datetime) -> Mapping[str, Any]:
    if known.status is MemoryStatus.ACTIVATED:
        return {}
    has_passed = known.expires_at is not None and known.expires_at <= now
    return {
        "status": MemoryStatus.ACTIVATED,
        "expires_at": None if has_passed else known.expires_at,
        "importance": max(known.importance, DEFAULT_IMPORTANCE),
        "importance_at": now,
    }


def _pinned(known: TextualMemoryMetadata, now: datetime, pinned: bool) -> Mapping[str, Any]:
    """Let go of, it fades from now on: while it was pinned it did not."""
    return {} if known.pinned == pinned else {"pinned": pinned, "importance_at": now}


def _judged(known: TextualMemoryMetadata, now: datetime, verdict: Verdict) -> Mapping[str, Any]:
    return {"importance": judge(known.importance, verdict), "importance_at": now}


def _parse_verdict(value: object) -> Verdict:
    if value not in tuple(Verdict):
        raise InvalidRequest(f"verdict is {value!r:.40}; known: {', '.join(Verdict)}")
    return Verdict(str(value))


def _parse_end(value: Any) -> datetime:
    """In milliseconds and UTC, as it is stored."""
    if not isinstance(value, datetime):
        raise InvalidRequest(f"at must be a datetime or None, not {value!r:.40}")
    try:
        return time_of(milliseconds_of(value))
    except (OverflowError, ValueError):
        raise InvalidRequest(f"at is {value}, which is too far away; None means no end") from None
