"""MOS's call about the order of a cube: what is new in it is merged, related and summed up, now and in this process."""

from typing import Any

from memos.errors import InvalidRequest
from memos.mem_os.core import Calls
from memos.memories.textual.writer import TextWriter
from memos.organize.surroundings import Place
from memos.wiring import build_reorganiser


class OrganizeCalls(Calls):
    """Reorganising on demand; with the scheduler on, workers do it by themselves after a lull."""

    def reorganize(
        self, mem_cube_id: str | None = None, *, user_id: str | None = None, dry_run: bool = False
    ) -> dict[str, Any]:
        """Reorganise what is new in a cube, without ``mem_cube_id`` the user's first one; returns what was done.

        That is ids, texts and reasons (memos/organize/report.py), and whether something is ``left`` for another call.
        The reader's model, if it has one, words the summaries, within the budget of the settings. With ``dry_run`` it
        is what would be done by rules: nothing is changed, and no model asked. Needs the right to write. Raises
        AccessDenied, NotFound, InvalidRequest, and Unavailable; what was done by then stays done.
        """
        self._require_text()
        access = self._parts.access
        cube = access.one_cube(access.user(user_id), mem_cube_id, "write")
        if self._parts.registry.find_object(cube) is not None:
            raise InvalidRequest(
                f"cube {cube!r} is an object of the application's own; only stored cubes have an order"
            )
        parts, stores, place = self._parts, self._parts.stores, Place(tenant=self._parts.tenant, cube=cube)
        reorganiser = build_reorganiser(stores, parts.clock, parts.organizing_settings, parts.organizing_model)
        done = reorganiser.preview(place) if dry_run else reorganiser.run(place)
        if not dry_run:
            TextWriter(stores, parts.clock).index_lagging(place.tenant, place.cube)
        return {**done.report, "left": done.left}
