"""MOS: what an application talks to.

app ── add ────> intake ──> scheduler (a worker does the work)   or at once, in this process
    ── search ─> access check ──> recall ──> items with sources
    ── chat ───> recall + history ──> model (with the cube's KV artefact) ──> add
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Unpack, cast

from memos import ids
from memos.configs.mem_os import MOSConfig
from memos.documents.loading import load_batches
from memos.errors import InvalidConfig, InvalidRequest
from memos.ids import CubeId, UserId
from memos.mem_os.care import CareCalls
from memos.mem_os.chat import ChatStream
from memos.mem_os.cubes import CubeCalls
from memos.mem_os.forget import ForgetCalls
from memos.mem_os.intake import Added, Once
from memos.mem_os.memories import MemoryCalls
from memos.mem_os.organize import OrganizeCalls
from memos.mem_os.reading import ReadingCalls
from memos.mem_os.shelves import search_shelves
from memos.mem_os.users import UserCalls
from memos.memories.textual.payload import parse_messages, parse_text
from memos.recall.options import Mode, SearchKeywords, SearchOptions, parse_options
from memos.recall.search import SearchResult
from memos.settings import Settings, load_settings
from memos.types import Lane

# Apart from conversations, so that chats show none of it as something that was said.
DOCUMENTS_SESSION: Final = "documents"
MAX_QUERIES: Final = 1000


class MOS(UserCalls, CubeCalls, MemoryCalls, CareCalls, ReadingCalls, ForgetCalls, OrganizeCalls):
    """The memory operating system of one tenant. Thread-safe; close it, or use it as a context manager.

    ``settings`` say where the servers are and which tenant this process acts for. Servers that are not configured
    are started on demand and live as long as the process.
    """

    def __init__(self, config: MOSConfig | None = None, *, settings: Settings | None = None) -> None:
        super().__init__(config or MOSConfig(), settings or load_settings())

    def __enter__(self) -> "MOS":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        messages: Sequence[dict[str, Any]] | None = None,
        memory_content: str | None = None,
        doc_path: str | Path | None = None,
        *,
        user_id: str | None = None,
        mem_cube_id: str | None = None,
        session_id: str | None = None,
        idempotency_key: str | None = None,
        bulk: bool = False,
    ) -> Added:
        """Remember messages, one text as if the user had said it, or documents.

        ``doc_path`` is a file, or a directory of files, below ``Settings.documents_root``; its chunks become memories
        of session "documents" unless another is named, each with its place as source. The same bytes again change
        nothing, however much later.

        With the scheduler on this returns once the job is stored durably in Redis (one round trip); without it, when
        the memories can be found. A second call with one ``idempotency_key`` for the same user and cube within 24
        hours changes nothing and returns the first job's id. With ``bulk`` the job waits apart, behind everything that
        is not, and without an order to it: for imports; without the scheduler nothing waits, and it changes nothing.
        Raises QuotaExceeded, which says when to repeat, at a limit of the tenant; nothing was stored then, but of
        documents what came before: the same call again adds the rest.
        """
        self._require_text()
        if sum(given is not None for given in (messages, memory_content, doc_path)) != 1:
            raise InvalidRequest("give one of messages, memory_content and doc_path")
        if doc_path is not None:
            if idempotency_key is not None:
                raise InvalidRequest("a document has keys of its own, from its bytes; leave idempotency_key out")
            user, lane = self._lane(user_id, mem_cube_id, DOCUMENTS_SESSION if session_id is None else session_id)
            return self._add_documents(doc_path, user, replace(lane, bulk=bulk))
        once = None if idempotency_key is None else Once(key=idempotency_key)
        given = messages if memory_content is None else [{"role": "user", "content": memory_content}]
        parsed = parse_messages(given, now_ms=self._parts.clock.now_ms())
        user, lane = self._lane(user_id, mem_cube_id, session_id)
        return self._parts.intake.add(replace(lane, bulk=bulk), user, parsed, once)

    def _find(
        self, cubes: Sequence[CubeId], questions: Sequence[str], top_k: int, options: SearchOptions
    ) -> list[SearchResult]:
        tenant, parts = self._parts.tenant, self._parts
        if options.mode is Mode.FAST:
            return parts.recall.search_many(tenant, cubes, questions, top_k=top_k, options=options)
        return [parts.guided.search(tenant, cubes, each, top_k=top_k, options=options) for each in questions]

    def _add_documents(self, path: str | Path, user: UserId, lane: Lane) -> Added:
        root = self._settings.documents_root
        if root is None:
            raise InvalidConfig("documents_root is not set; name the directory whose documents may be read")
        intake, now_ms = self._parts.document_intake, self._parts.clock.now_ms()
        added = [
            intake.add(lane, user, parse_messages(batch.messages, now_ms=now_ms), Once(key=batch.key, lasting=True))
            for batch in load_batches(path, root=root, settings=self._settings)
        ]
        return replace(
            added[-1],
            memory_ids=tuple(memory for one in added for memory in one.memory_ids),
            job_ids=tuple(one.job_id for one in added),
        )

    def wait(self, job_ids: Sequence[str], *, timeout_s: float = 60.0) -> list[Added]:
        """Wait for the end of queued adds, ``timeout_s`` seconds at most, and return what became of them."""
        if self._parts.scheduler is None:
            raise InvalidRequest("without the scheduler an add is done when it returns; there is nothing to wait for")
        records = self._parts.scheduler.wait(
            self._parts.tenant, [ids.JobId(job) for job in job_ids], timeout_s=timeout_s
        )
        return [Added(job_id=item.id, state=item.state, memory_ids=item.memory_ids) for item in records]

    def search(
        self,
        query: str,
        user_id: str | None = None,
        mem_cube_ids: Sequence[str] | None = None,
        top_k: int | None = None,
        **options: Unpack[SearchKeywords],
    ) -> dict[str, Any]:
        """The best memories of the user's own and shared cubes, or of those named, by cube and ranked across them.

        ``options`` are those of SearchKeywords: mode, explain, as_of, said_from, said_until, filters, memory_types, mmr
        and max_tokens.
        Returns ``{"text_mem": [{"cube_id", "memories": [item, ...]}], "act_mem", "para_mem", "degraded"}``; the second
        and the third have a shelf for each cube where enable_activation_memory and enable_parametric_memory are on,
        else none. ``degraded`` names what could not be asked. Raises Unavailable rather than returning an empty list.
        """
        (found,) = self.search_many([query], user_id, mem_cube_ids, top_k, **options)
        return found

    def search_many(
        self,
        queries: Sequence[str],
        user_id: str | None = None,
        mem_cube_ids: Sequence[str] | None = None,
        top_k: int | None = None,
        **options: Unpack[SearchKeywords],
    ) -> list[dict[str, Any]]:
        """What ``search`` returns for each query, in their order. The queries are embedded together, once."""
        self._require_text()
        questions = [parse_text(query, "query") for query in _queries(queries)]
        wanted = self.config.top_k if top_k is None else _positive(top_k, "top_k")
        told = parse_options(options)
        access = self._parts.access
        cubes = access.readable_cubes(access.user(user_id), mem_cube_ids)
        found = self._find(cubes, questions, wanted, told)
        return [search_shelves(cubes, result, self._parts.held) for result in found]

    def chat(
        self,
        query: str,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        mem_cube_id: str | None = None,
    ) -> str:
        """The whole answer to ``query``, with what is remembered; the turn is then added to the memory."""
        stream = self.chat_stream(query, user_id, session_id=session_id, mem_cube_id=mem_cube_id)
        return "".join(stream)

    def chat_stream(
        self,
        query: str,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        mem_cube_id: str | None = None,
        use_artefact: bool = True,
        remember: bool = True,
    ) -> ChatStream:
        """The answer in pieces as the model produces them; ``report`` then holds what was measured.

        ``use_artefact=False`` computes the whole prompt, for comparison; ``remember=False`` leaves the turn out of
        the memory.
        """
        question = parse_text(query, "query")
        user, lane = self._lane(user_id, mem_cube_id, session_id, need="write" if remember else "read")
        cubes = self._parts.access.readable_cubes(user, None if mem_cube_id is None else [mem_cube_id])
        chatter = self._parts.chatter
        return chatter.stream(lane, user, cubes, question, use_artefact=use_artefact, remember=remember)

    def clear_messages(
        self, user_id: str | None = None, *, session_id: str | None = None, mem_cube_id: str | None = None
    ) -> None:
        """Begin the session anew: chats no longer show this user's turns from before. Memories and sources stay."""
        user, lane = self._lane(user_id, mem_cube_id, session_id)
        self._parts.history_marks.set_now(lane, user)

    def mem_scheduler_on(self) -> None:
        """Hand work to workers from now on. Raises Unavailable when Redis is away, and then changes nothing."""
        self._parts.schedule(True)

    def mem_scheduler_off(self) -> None:
        """Do the work of an ``add`` in this process from now on; what was accepted before is still done by workers.

        Until that is done, an ``add`` to the same session may take effect before what was accepted earlier: wait for
        those jobs first where the order matters.
        """
        self._parts.schedule(False)


def _queries(value: object) -> Sequence[object]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidRequest(f"queries must be a list of texts, not {type(value).__name__}")
    listed = cast(Sequence[object], value)
    if len(listed) > MAX_QUERIES:
        raise InvalidRequest(f"there are {len(listed):,} queries; ask at most {MAX_QUERIES:,} at once")
    return listed


def _positive(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise InvalidRequest(f"{what} must be a whole number from 1 to 1000, not {value!r:.40}")
    return value
