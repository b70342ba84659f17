"""The parts of one MOS object, each made when it is first needed and closed with it."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, Protocol, TypeVar, cast

from memos import ids
from memos.clock import Clock, SystemClock
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import DocumentMemReaderConfig, MemReaderConfigFactory
from memos.configs.memory import TreeTextMemoryConfig
from memos.documents.reader import DocumentReader
from memos.errors import InvalidRequest, Unavailable
from memos.ids import CubeId
from memos.kv.store import ArtefactStore
from memos.llms.base import MeteredLLM
from memos.llms.factory import LLMFactory
from memos.llms.huggingface import HuggingFaceLLM
from memos.local.ondemand import ensure_servers
from memos.mem_os.access import Access
from memos.mem_os.activation import Activation, artefact_item
from memos.mem_os.adapters import AdaptedModels, check_adaptable
from memos.mem_os.chat import Chatter
from memos.mem_os.described import describe_job, refuse_masked
from memos.mem_os.federation import FederatedRecall
from memos.mem_os.history import SessionHistory
from memos.mem_os.intake import DirectIntake, Intake, QueuedIntake, RoutedIntake
from memos.mem_os.registry import CubeRegistry
from memos.mem_os.shelves import ListHeld
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.mem_scheduler.factory import build_scheduler, choose_settings
from memos.mem_user.factory import build_history_marks, build_user_store
from memos.mem_user.marks import HistoryMarks
from memos.mem_user.records import Role
from memos.memories.textual.forgetting import Forgetter
from memos.memories.textual.pruning import Pruner
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.memories.textual.writer import TextWriter
from memos.recall.advice import Adviser
from memos.recall.modes import GuidedSearch
from memos.recall.search import Recall
from memos.rerankers.base import Reranker
from memos.settings import Settings
from memos.types import Lane
from memos.wiring import chat_model_config, open_model, open_reader, open_reranker, open_stores, require_local_model

logger = logging.getLogger(__name__)


class _Closable(Protocol):
    def close(self) -> None: ...


# The one user who may open every cube of the tenant, as in MemOS.
ROOT_USER: Final = ids.UserId("root")

DOCUMENT_READER: Final = MemReaderConfigFactory(backend="document", config=DocumentMemReaderConfig())

T = TypeVar("T")
C = TypeVar("C", bound=_Closable)


class Parts:
    """Builds on demand, once, whichever thread asks first."""

    def __init__(self, config: MOSConfig, settings: Settings, clock: Clock | None = None) -> None:
        self.config = config
        self.tenant = ids.tenant_id(settings.tenant)
        self.clock = clock or SystemClock()
        self._named = settings
        self._made: dict[str, Any] = {}
        self._open = ExitStack()
        self._schedules = config.enable_mem_scheduler
        self._lock = threading.RLock()
        self._chat_config = config.chat_model or chat_model_config(settings)
        self._job_options = describe_job(config, self._chat_config)
        if config.enable_mem_scheduler:
            refuse_masked(self._job_options["reader"])
        if config.enable_parametric_memory:
            check_adaptable(self._chat_config)

    @property
    def access(self) -> Access:
        return self._once("access", self._make_access)

    @property
    def history_marks(self) -> HistoryMarks:
        return self._once(
            "history_marks", lambda: self._closing(build_history_marks(self._named, self.config.user_manager))
        )

    @property
    def stores(self) -> TextStores:
        return self._once("stores", lambda: self._closing(open_stores(self._settings)))

    @property
    def recall(self) -> FederatedRecall:
        return self._once("recall", lambda: FederatedRecall(lambda: self._stored_recall, self.registry.find_object))

    @property
    def guided(self) -> GuidedSearch:
        """For searches in a mode that asks the chat model."""
        return self._once("guided", lambda: GuidedSearch(recall=self.recall, adviser=Adviser(llm=self._model)))

    @property
    def _stored_recall(self) -> Recall:
        return self._once("stored_recall", lambda: self._closing(Recall(self.stores, self._reranker, clock=self.clock)))

    @property
    def _model(self) -> MeteredLLM:
        return self._once("model", lambda: LLMFactory.from_config(self._chat_config, settings=self._named))

    @property
    def _reranker(self) -> Reranker | None:
        return self._once("reranker", self._make_reranker)

    def text_memory(self, cube: CubeId) -> TreeTextMemory:
        """A cube of the tenant as a textual memory of its own, on the shared stores."""
        config = TreeTextMemoryConfig(cube_id=cube)
        return TreeTextMemory(
            config, settings=self._settings, stores=self.stores, clock=self.clock, reranker=self._reranker
        )

    @property
    def registry(self) -> CubeRegistry:
        return self._once("registry", lambda: self._closing(CubeRegistry(self._named, self.text_memory)))

    @property
    def artefacts(self) -> ArtefactStore:
        return self._once("artefacts", lambda: ArtefactStore(self._named.kv_root))

    @property
    def forgetter(self) -> Forgetter:
        return Forgetter(self.stores, self.artefacts, self.clock)

    @property
    def pruner(self) -> Pruner:
        return Pruner(self.stores, self.artefacts, self.clock, half_life_days=self._named.decay_half_life_days)

    @property
    def scheduler(self) -> Scheduler | None:
        if not self._schedules:
            return None
        return self._once("scheduler", lambda: self._closing(build_scheduler(self._settings)))

    @property
    def intake(self) -> Intake:
        return self._once("intake", lambda: self._make_intake(self.config.mem_reader))

    @property
    def document_intake(self) -> Intake:
        """The way in for documents, which a reader of their own takes as they are."""
        return self._once("document_intake", lambda: self._make_intake(DOCUMENT_READER, DocumentReader()))

    @property
    def chatter(self) -> Chatter:
        return self._once("chatter", self._make_chatter)

    @property
    def held(self) -> Mapping[str, ListHeld]:
        """What chats use of a cube beside text: what is switched on, by the name of its shelf. Loads no model."""
        listed: dict[str, ListHeld] = {}
        if self.config.enable_activation_memory:
            listed["act_mem"] = self._list_states
        if self.config.enable_parametric_memory:
            listed["para_mem"] = self._adapted.list_answering
        return listed

    def _list_states(self, cube: CubeId) -> list[Any]:
        artefacts = self.artefacts.list_artefacts(self.tenant, cube)
        return [*map(artefact_item, artefacts), *self.registry.list_held(cube, "act_mem")]

    def schedule(self, wanted: bool) -> None:
        """Hand work to workers from now on, or do it in this process. Raises Unavailable, and then changes nothing."""
        with self._lock:
            before = self._schedules
            self._switch(wanted)
            try:
                if self.scheduler is not None:
                    self.scheduler.ping()
            except Unavailable:
                self._switch(before)
                raise

    def _switch(self, wanted: bool) -> None:
        self._schedules = wanted
        for name in ("settings", "intake", "document_intake", "chatter"):
            self._made.pop(name, None)

    def close(self) -> None:
        """Close what was made, the last first; a part that is asked for afterwards is made anew."""
        with self._lock:
            self._made.clear()
            self._open.close()

    @property
    def _settings(self) -> Settings:
        """The settings, with the URLs of servers that had to be started."""
        return self._once("settings", self._make_settings)

    def _make_settings(self) -> Settings:
        named = choose_settings(self.config.mem_scheduler, self._named) if self._schedules else self._named
        return ensure_servers(named, need=_needed(self._schedules))

    @property
    def _activation(self) -> Activation | None:
        if not self.config.enable_activation_memory:
            return None
        return self._once("activation", self._make_activation)

    @property
    def _local_model(self) -> HuggingFaceLLM:
        return self._once("local_model", lambda: open_model(require_local_model(self._chat_config), self._named))

    @property
    def _adapted(self) -> AdaptedModels:
        return self._once("adapted", lambda: AdaptedModels(self.registry.list_held, lambda: self._local_model))

    def _find_adapted(self, cube: CubeId) -> HuggingFaceLLM | None:
        return self._adapted.find_model(cube) if self.config.enable_parametric_memory else None

    def _make_reranker(self) -> Reranker | None:
        reranker = open_reranker(self.config.reranker, self._named)
        return reranker if reranker is None else self._closing(reranker)

    def _make_access(self) -> Access:
        default_user = ids.user_id(self.config.user_id)
        users = self._closing(build_user_store(self._named, self.config.user_manager))
        users.create_user(self.tenant, default_user, role=Role.ROOT if default_user == ROOT_USER else None)
        return Access(self.tenant, users, default_user=default_user)

    def system_prompt(self, cube: CubeId) -> str:
        """What begins every chat of a cube: the configured words, then the texts of its KV memory's items."""
        return "\n\n".join([self.config.system_prompt, *self.registry.contexts(cube)])

    def _make_intake(self, named: MemReaderConfigFactory | None, reader: Reader | None = None) -> Intake:
        stored = self._make_stored_intake(named)
        return RoutedIntake(stored=stored, find_object=self.registry.find_object, reader=reader)

    def _make_stored_intake(self, named: MemReaderConfigFactory | None) -> Intake:
        if self.scheduler is not None:
            described = None if named is None else named.model_dump(mode="json")
            refuse_masked(described)
            return QueuedIntake(
                scheduler=self.scheduler, options=lambda cube: {**self._options_for(cube), "reader": described}
            )
        writer = TextWriter(self.stores, self.clock)
        reader = open_reader(named, self._named)
        return DirectIntake(writer=writer, reader=reader, after_add=self._after_direct_add)

    def _options_for(self, cube: CubeId) -> dict[str, Any]:
        kv = self._job_options["kv"]
        if kv is None:
            return self._job_options
        return {**self._job_options, "kv": {**kv, "system_prompt": self.system_prompt(cube)}}

    def _after_direct_add(self, lane: Lane) -> None:
        if self._activation is None:
            return
        try:
            adapted = self._find_adapted(lane.cube)
        except InvalidRequest as error:  # what was added is stored; the next chat raises this
            logger.warning("no KV artefact is built for cube %s: %s", lane.cube, error)
            return
        activation = self._activation.answering_by(adapted)
        activation.build(lane.tenant, lane.cube, self.system_prompt(lane.cube))

    def _make_activation(self) -> Activation:
        return Activation(self.stores.graph, self._local_model, self.artefacts, self.clock)

    def _make_chatter(self) -> Chatter:
        return Chatter(
            model=self._model,
            recall=self.recall,
            history=SessionHistory(
                graph=self.stores.graph, scheduler=self.scheduler, cleared_ms=self.history_marks.find_ms
            ),
            intake=self.intake,
            activation=self._activation,
            now_ms=self.clock.now_ms,
            system_prompt=self.system_prompt,
            config=self.config,
            find_adapted=self._find_adapted,
            workers_build=self.scheduler is not None,
        )

    def _once(self, name: str, make: Callable[[], T]) -> T:
        made = self._made.get(name)
        if made is not None:
            return cast(T, made)
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return cast(T, self._made[name])

    def _closing(self, part: C) -> C:
        self._open.callback(part.close)
        return part


def _needed(schedules: bool) -> Any:
    always = {"graph", "index"}
    return frozenset(always | {"redis"} if schedules else always)
