"""Queries over Bolt: errors translated, every wait limited, what may succeed at another attempt attempted again.

A conflict with another transaction, also two first writers of one key, starts the transaction again. A lost
connection is tried again at once, because a restarted server leaves dead connections in the pool. So whatever is run
here must come out the same when it is run twice.
"""

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, LiteralString, TypeVar

from neo4j import Driver, GraphDatabase, Query, Result, Session
from neo4j.exceptions import (
    AuthError,
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from memos.clock import Clock
from memos.errors import InvalidRequest, Unavailable
from memos.graph_dbs.lane_writer import Run
from memos.graph_dbs.queries import load_query
from memos.graph_dbs.rows import Row

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 4.0
CONFLICT_PATIENCE_S: Final = 4.0
RECONNECT_PATIENCE_S: Final = 0.5

_LOST: Final = (ServiceUnavailable, SessionExpired)
_CONFLICTS: Final = (TransientError, ConstraintError)
_T = TypeVar("_T")


class Bolt:
    """Sessions of one driver. Thread-safe. Connects at first use; make a new one after a fork."""

    def __init__(self, url: str, auth: tuple[str, str], database: str, clock: Clock) -> None:
        self._url = url
        self._auth = auth
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: Driver | None = None

    def query(self, name: str, **parameters: Any) -> list[Row]:
        """The rows of one named query that changes nothing."""
        return self.run(load_query(name), parameters)

    def collect(self, name: str, **parameters: Any) -> list[Any]:
        """The one list that a named query returns, which changes nothing. The driver takes 70 us for every record it
        receives, so what is many and bounded comes in a single one."""
        (record,) = self.query(name, **parameters)
        (collected,) = record.values()
        return collected

    def run(self, text: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of one statement that may be run twice."""
        return self._attempt(lambda session: _rows(session.run(Query(text), dict(parameters))))

    def change(self, name: str, **parameters: Any) -> list[Row]:
        """The rows of one named query that changes something. In an explicit transaction, because ArcadeDB, when it
        repeats a conflicting statement that has none, may have it take effect twice."""
        return self.transact(lambda run: run(name, parameters))

    def transact(self, work: Callable[[Run], _T]) -> _T:
        """Run ``work`` in a transaction and commit it; an error rolls it back. ``work`` may run several times."""

        def attempt(session: Session) -> _T:
            with session.begin_transaction() as transaction:
                result = work(lambda name, given: _rows(transaction.run(load_query(name), dict(given))))
                transaction.commit()
                return result

        return self._attempt(attempt)

    def ping(self) -> str:
        """The server's name and version."""
        return self._attempt(lambda session: session.run(Query(load_query("ping"))).consume().server.agent)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            driver, self._opened = self._opened, None
        if driver is not None:
            driver.close()

    def _attempt(self, work: Callable[[Session], _T]) -> _T:
        started_s = self._clock.monotonic_s()
        pause_s = 0.004
        while True:
            try:
                with self._driver().session(database=self._database) as session:
                    return work(session)
            except (*_LOST, *_CONFLICTS) as error:
                patience_s = CONFLICT_PATIENCE_S if isinstance(error, _CONFLICTS) else RECONNECT_PATIENCE_S
                if self._clock.monotonic_s() + pause_s > started_s + patience_s:
                    raise self._explain(error) from error
            except (Neo4jError, DriverError) as error:
                raise self._explain(error) from error
            except (UnicodeEncodeError, OverflowError) as error:
                raise InvalidRequest(f"a text or a number that the graph cannot hold: {error!s:.200}") from error
            self._clock.sleep_s(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, 0.25)

    def _driver(self) -> Driver:
        with self._lock:
            if self._opened is None:
                self._opened = _open_driver(self._url, self._auth)
            return self._opened

    def _explain(self, error: Exception) -> Unavailable:
        if isinstance(error, AuthError):
            return Unavailable("neo4j", f"{self._url}: wrong user or password; set MEMOS_NEO4J_PASSWORD")
        reason = " ".join(str(error).split())
        if isinstance(error, (*_LOST, ConnectionAcquisitionTimeoutError)):
            return Unavailable("neo4j", f"{self._url} does not answer ({reason:.200}); check MEMOS_NEO4J_URL")
        return Unavailable("neo4j", f"{self._url}, database {self._database!r}: {reason:.300}")


def _rows(found: Result) -> list[Row]:
    """Queries return scalars and maps only, which need none of the driver's own conversion: it costs twice the time."""
    return [dict(record) for record in found]


def _open_driver(url: str, auth: tuple[str, str]) -> Driver:
    driver = GraphDatabase.driver(
        url,
        auth=auth,
        connection_timeout=CONNECT_TIMEOUT_S,
        connection_write_timeout=CONNECT_TIMEOUT_S,
        connection_acquisition_timeout=READ_TIMEOUT_S,
        telemetry_disabled=True,
    )
    _limit_reads(driver)
    return driver


def _limit_reads(driver: Driver) -> None:
    """Give each connection a time limit for reads. The driver (6.4) has no option for it, and a server that is
    stopped, or behind a network that swallows packets, would be waited for without end."""
    pool: Any = driver._pool  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    open_connection = pool.opener

    def open_with_limit(*arguments: Any) -> Any:
        connection = open_connection(*arguments)
        connection.socket.set_read_timeout(READ_TIMEOUT_S)
        return connection

    pool.opener = open_with_limit
