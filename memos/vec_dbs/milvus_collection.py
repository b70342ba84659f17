"""A collection in Milvus: made, checked, asked and flushed, with every wait limited and every error translated.

What the collection goes through:

    absent ── ensure() ──> collection ──> partitions ──> indexes ──> loaded
                 each step is skipped when it is done already, so two processes may do them at once

Milvus Lite gets no indexes. It searches as exactly and as fast without one (its FLAT index is the same scan), and it
writes index files in place: killed in the middle, it cannot load the collection ever again.

Milvus Lite reads rows that are not flushed yet in slow Python, so the index flushes in the background after every
``flush_after_rows`` rows. A real Milvus seals its segments itself and limits how often it may be asked: there
``flush`` does nothing.
"""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import grpc
from pymilvus import DataType, Function, FunctionType, MilvusClient
from pymilvus.exceptions import MilvusException

from memos.clock import Clock, SystemClock
from memos.errors import Unavailable
from memos.vec_dbs import rows as layout
from memos.vec_dbs import schema

logger = logging.getLogger(__name__)

# pymilvus repeats a failed call with growing pauses; with this limit it gives up after 3.7 s at the latest.
CALL_TIMEOUT_S: Final = 3.5
# By default gRPC backs off for up to two minutes, and every call fails at once until then, although Milvus is back.
_RECONNECT: Final = {"grpc.initial_reconnect_backoff_ms": 200, "grpc.max_reconnect_backoff_ms": 1000}
SLOW_CALL_TIMEOUT_S: Final = 60.0
FLUSH_AFTER_ROWS: Final = 500
# The client's errors may name each other as their causes, so the search has an end.
CAUSES_LOOKED_AT: Final = 8
CREATION_CHECKS: Final = 20
CREATION_PAUSE_S: Final = 0.1
_Client = Any  # pymilvus annotates its client too loosely to check against
_COLLECTION_MISSING: Final = 100


class MilvusCollection:
    """A collection of one shape. Thread-safe. Connects at first use; make a new one after a fork."""

    def __init__(self, url: str, token: str, name: str, shape: schema.Shape, *, flush_after_rows: int) -> None:
        self._clock: Clock = SystemClock()
        self._url = url
        self._token = token
        self._name = name
        self._shape = shape
        self._flush_after_rows = flush_after_rows
        self._lock = threading.Lock()
        self._connected: _Client | None = None
        self._lite = False
        self._fresh_rows = 0
        self._flushing: threading.Thread | None = None

    def ensure(self, *, dimension: int, model: str) -> None:
        """Make the collection, or check that it fits. Raises InvalidConfig when it was made for something else."""
        self.ping()
        with self._translated():
            client = self._client()
            stamp = schema.build_stamp(dimension=dimension, model=model, shape=self._shape)
            if not client.has_collection(self._name, timeout=CALL_TIMEOUT_S):
                self._create(client, dimension=dimension, stamp=stamp)
            schema.check_stamp(self._read_stamp(client), stamp, collection=self._name)
            self._complete(client)

    def call(self, method: str, **arguments: Any) -> Any:
        """Call the client's method on our collection."""
        arguments.setdefault("timeout", CALL_TIMEOUT_S)
        with self._translated():
            return getattr(self._client(), method)(self._name, **arguments)

    def pages(self, **arguments: Any) -> Generator[list[dict[str, Any]]]:
        """What a query finds, ``batch_size`` rows at once."""
        found = self.call("query_iterator", **arguments)
        while page := self._next(found):
            yield page

    def count_fresh(self, rows: int) -> None:
        """Take note of rows that were written; when they are many, flush behind."""
        with self._lock:
            self._fresh_rows += rows
            busy = self._flushing is not None and self._flushing.is_alive()
            if not self._lite or busy or self._fresh_rows < self._flush_after_rows:
                return
            self._flushing = threading.Thread(target=self._flush_behind, name="memos-milvus-flush", daemon=True)
            self._flushing.start()

    def drop(self) -> None:
        """Remove the collection, whatever model or version it was made for."""
        self.ping()
        with self._translated():
            client = self._client()
            if client.has_collection(self._name, timeout=CALL_TIMEOUT_S):
                self._remove(client)

    def flush(self) -> None:
        """Seal fresh rows on Milvus Lite. Nothing to do on a real Milvus."""
        self.ping()
        if not self._lite:
            return
        with self._lock:
            self._fresh_rows = 0
        self.call("flush", timeout=SLOW_CALL_TIMEOUT_S)

    def ping(self) -> str:
        """The server's version."""
        with self._translated():
            return str(self._client().get_server_version(timeout=CALL_TIMEOUT_S))

    def close(self) -> None:
        """Wait for a flush that is under way, and disconnect. It may be used again afterwards."""
        with self._lock:
            flushing, self._flushing = self._flushing, None
        if flushing is not None:
            flushing.join(CALL_TIMEOUT_S)
        with self._lock:
            client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _next(self, pages: Any) -> list[dict[str, Any]]:
        with self._translated():
            return cast(list[dict[str, Any]], pages.next())

    def _client(self) -> _Client:
        with self._lock:
            if self._connected is None:
                # Every failure is raised as an error of ours, so that the client need not log it, with its traceback.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
                client = MilvusClient(
                    self._url, token=self._token, timeout=CALL_TIMEOUT_S, dedicated=True, grpc_options=_RECONNECT
                )
                self._lite = "lite" in str(client.get_server_version(timeout=CALL_TIMEOUT_S))
                self._connected = client
            return self._connected

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except MilvusException as error:
            raise self._explain(_find_status(error) or error.code, str(error.message)) from error
        except grpc.RpcError as error:
            status = cast(grpc.Call, error)
            raise self._explain(status.code(), str(status.details())) from error

    def _explain(self, code: object, message: str) -> Unavailable:
        if code == _COLLECTION_MISSING:
            return Unavailable("milvus", f"collection {self._name!r} is missing at {self._url}; call ensure() first")
        if code == grpc.StatusCode.UNAUTHENTICATED or "auth" in message.lower():
            return Unavailable("milvus", f"{self._url} refuses the token; set MEMOS_MILVUS_TOKEN")
        return Unavailable(
            "milvus", f"{self._url}: {message.strip() or code!s:.300}; check MEMOS_MILVUS_URL and the server"
        )

    def _flush_behind(self) -> None:
        try:
            self.flush()
        except Unavailable as error:
            logger.warning("fresh rows stay unflushed for now: %s", error)

    def _create(self, client: _Client, *, dimension: int, stamp: str) -> None:
        # A real Milvus keeps the description, Milvus Lite only the properties.
        kept = {"properties": {schema.STAMP_PROPERTY: stamp}} if self._lite else {}
        fields = _fields(client, self._shape, dimension=dimension, description=stamp)
        try:
            client.create_collection(
                self._name, schema=fields, consistency_level="Session", timeout=SLOW_CALL_TIMEOUT_S, **kept
            )
        except MilvusException:
            if not self._appears(client):
                raise  # else another process was first; what it made is checked next

    def _appears(self, client: _Client) -> bool:
        """True once the collection is there; another process may be in the middle of making it."""
        for _ in range(CREATION_CHECKS):
            if client.has_collection(self._name, timeout=CALL_TIMEOUT_S):
                return True
            self._clock.sleep_s(CREATION_PAUSE_S)
        return False

    def _read_stamp(self, client: _Client) -> str:
        described = client.describe_collection(self._name, timeout=CALL_TIMEOUT_S)
        return described.get("properties", {}).get(schema.STAMP_PROPERTY) or described.get("description", "")

    def _remove(self, client: _Client) -> None:
        try:
            schema.check_kind(self._read_stamp(client), self._shape, collection=self._name)
            client.drop_collection(self._name, timeout=SLOW_CALL_TIMEOUT_S)
        except MilvusException:
            if client.has_collection(self._name, timeout=CALL_TIMEOUT_S):
                raise  # else another process was first

    def _complete(self, client: _Client) -> None:
        present = client.list_partitions(self._name, timeout=CALL_TIMEOUT_S)
        for name in layout.partition_names():
            if name not in present:
                self._create_partition(client, name)
        if not self._lite:
            self._create_indexes(client)
        client.load_collection(self._name, timeout=SLOW_CALL_TIMEOUT_S)

    def _create_indexes(self, client: _Client) -> None:
        indexed = client.list_indexes(self._name, timeout=CALL_TIMEOUT_S)
        for field, (index, metric) in schema.INDEXES.items():
            if field in indexed:
                continue
            params = client.prepare_index_params()
            params.add_index(field, index_type=index, metric_type=metric)
            with suppress(MilvusException):  # another process was first; else loading fails and says why
                client.create_index(self._name, params, timeout=SLOW_CALL_TIMEOUT_S)

    def _create_partition(self, client: _Client, name: str) -> None:
        try:
            client.create_partition(self._name, name, timeout=SLOW_CALL_TIMEOUT_S)
        except MilvusException:
            if not client.has_partition(self._name, name, timeout=CALL_TIMEOUT_S):
                raise


def _find_status(error: BaseException) -> grpc.StatusCode | None:
    """The gRPC status behind an error: while connecting, the client hides a refused token in a general one."""
    behind: BaseException | None = error
    for _ in range(CAUSES_LOOKED_AT):
        if behind is None or isinstance(behind, grpc.RpcError):
            break
        behind = behind.__cause__ or behind.__context__
    return cast(grpc.Call, behind).code() if isinstance(behind, grpc.RpcError) else None


def _fields(client: _Client, shape: schema.Shape, *, dimension: int, description: str) -> Any:
    fields = client.create_schema(enable_dynamic_field=False, description=description)
    for name, kind, options in shape.scalar_fields:
        element = {"element_type": DataType[options["element_type"]]} if "element_type" in options else {}
        fields.add_field(name, DataType[kind], **{**options, **element})
    fields.add_field("dense", DataType.FLOAT_VECTOR, dim=dimension)
    fields.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    fields.add_function(Function("bm25", FunctionType.BM25, ["words"], ["sparse"]))
    return fields
