"""Since when a session's history counts, for each user. The messages themselves stay: memories rest on them."""

from sqlalchemy import and_, delete, select, update

from memos.clock import Clock, SystemClock
from memos.ids import TenantId, UserId
from memos.mem_user.database import Database
from memos.mem_user.tables import HISTORY_MARKS
from memos.types import Lane


class HistoryMarks:
    """Moments from which on a user's turns of a lane are shown. Thread-safe; shared through the database."""

    def __init__(self, database_url: str, *, clock: Clock | None = None) -> None:
        self._database = Database(database_url)
        self._clock = clock or SystemClock()

    def set_now(self, lane: Lane, user: UserId) -> None:
        """Show nothing that was said before this moment."""
        values = {**_key(lane, user), "cleared_at_ms": self._clock.now_ms()}
        mine = and_(*(HISTORY_MARKS.c[name] == value for name, value in _key(lane, user).items()))
        with self._database.transaction() as connection:
            self._database.insert_if_absent(connection, HISTORY_MARKS, values)
            connection.execute(update(HISTORY_MARKS).where(mine).values(cleared_at_ms=values["cleared_at_ms"]))

    def find_ms(self, lane: Lane, user: UserId) -> int | None:
        """What was said at or before this time is not shown; None when all is."""
        mine = and_(*(HISTORY_MARKS.c[name] == value for name, value in _key(lane, user).items()))
        with self._database.transaction() as connection:
            return connection.scalar(select(HISTORY_MARKS.c.cleared_at_ms).where(mine))

    def forget(self, tenant: TenantId, user: UserId) -> None:
        """Remove a user's moments in all cubes and sessions."""
        mine = and_(HISTORY_MARKS.c.tenant == tenant, HISTORY_MARKS.c.user_id == user)
        with self._database.transaction() as connection:
            connection.execute(delete(HISTORY_MARKS).where(mine))

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


def _key(lane: Lane, user: UserId) -> dict[str, str]:
    return {"tenant": lane.tenant, "user_id": user, "cube_id": lane.cube, "session_id": lane.session}
