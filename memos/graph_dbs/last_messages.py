"""The end of a session, at a cost that does not grow with the session: ArcadeDB reads and sorts all of a range.

the lane's next number ──> the places before it ──> messages
                                                      └── some were removed: the range, of which the last
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

from memos.graph_dbs.bolt import Bolt
from memos.graph_dbs.message_rows import message_places, read_message
from memos.graph_dbs.rows import cube_range
from memos.ids import CubeId, SessionId, TenantId, UserId, storage_key
from memos.types import Message

# Looked up one by one rather than as a range.
FOUND_BY_PLACE: Final = 200

_Properties = Mapping[str, Any]


def find_last_messages(
    bolt: Bolt, tenant: TenantId, cube: CubeId, session: SessionId, *, limit: int
) -> list[tuple[UserId, Message]]:
    """The last ``limit`` messages, oldest first, each with the user whose turn it was."""
    found = _find_by_place(bolt, tenant, cube, session, limit) if limit <= FOUND_BY_PLACE else None
    if found is None:
        above, below = cube_range(tenant, cube, session)
        found = bolt.collect("list_messages", tenant=tenant, cube=cube, above=above, below=below, limit=limit)
    return [read_message(message) for message in sorted(found, key=itemgetter("seq"))]


def _find_by_place(
    bolt: Bolt, tenant: TenantId, cube: CubeId, session: SessionId, limit: int
) -> list[_Properties] | None:
    """None when some have been removed, so that earlier ones are wanted as well."""
    names = {"tenant": tenant, "cube": cube}
    lanes = bolt.query("find_lane", key=storage_key(tenant, cube, session), **names)
    next_seq = int(lanes[0]["next_seq"]) if lanes else 1
    first_seq = max(next_seq - limit, 1)
    places = message_places(tenant, cube, session, range(first_seq, next_seq))
    found = bolt.collect("find_messages", order_keys=places, **names) if places else []
    return found if first_seq == 1 or len(found) == len(places) else None
