"""The parts of one MOS object around its stores: who may open what, and what finds, prunes and forgets memories."""

from typing import Any, Final

from memos import ids
from memos.clock import Clock, SystemClock
from memos.configs.mem_os import MOSConfig
from memos.configs.memory import TreeTextMemoryConfig
from memos.ids import CubeId
from memos.kv.store import ArtefactStore
from memos.local.ondemand import ensure_servers
from memos.mem_os.access import Access
from memos.mem_os.federation import FederatedRecall
from memos.mem_os.making import MadeOnce
from memos.mem_os.registry import CubeRegistry
from memos.mem_os.uses import Uses
from memos.mem_scheduler.factory import build_use_counts, choose_settings
from memos.mem_user.factory import build_history_marks, build_user_store
from memos.mem_user.marks import HistoryMarks
from memos.mem_user.records import Role
from memos.memories.textual.forgetting import Forgetter
from memos.memories.textual.pruning import Pruner
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.recall.search import Recall
from memos.recall.use import MemoryUseCounts, UseCounts
from memos.rerankers.base import Reranker
from memos.settings import Settings
from memos.wiring import open_reranker, open_stores

# The one user who may open every cube of the tenant, as in MemOS.
ROOT_USER: Final = ids.UserId("root")


class StoreParts(MadeOnce):
    """Those that need no chat model and no scheduler, which may be switched on and off."""

    def __init__(self, config: MOSConfig, settings: Settings, clock: Clock | None = None) -> None:
        super().__init__()
        self.config = config
        self.tenant = ids.tenant_id(settings.tenant)
        self.clock = clock or SystemClock()
        self._named = settings
        self._schedules = config.enable_mem_scheduler

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
    def _stored_recall(self) -> Recall:
        return self._once("stored_recall", self._make_recall)

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
        return Forgetter(self.stores, self.artefacts, self.clock, forget_uses=self.uses.forget)

    @property
    def pruner(self) -> Pruner:
        days = self._named.decay_half_life_days
        return Pruner(self.stores, self.artefacts, self.clock, half_life_days=days, forget_uses=self.uses.forget)

    @property
    def uses(self) -> Uses:
        return self._once("uses", lambda: Uses(lambda: self._use_counts, self.clock, self.registry.find_object))

    @property
    def _use_counts(self) -> UseCounts:
        """For all processes where Redis is in use anyway, else for this object."""
        if not self._schedules:
            return self._once("own_use_counts", MemoryUseCounts)
        return self._once("use_counts", lambda: self._closing(build_use_counts(self._settings)))

    @property
    def _settings(self) -> Settings:
        """The settings, with the URLs of servers that had to be started."""
        return self._once("settings", self._make_settings)

    def _make_settings(self) -> Settings:
        named = choose_settings(self.config.mem_scheduler, self._named) if self._schedules else self._named
        return ensure_servers(named, need=_needed(self._schedules))

    def _make_recall(self) -> Recall:
        return self._closing(Recall(self.stores, self._reranker, clock=self.clock, find_uses=self.uses.find))

    def _make_reranker(self) -> Reranker | None:
        reranker = open_reranker(self.config.reranker, self._named)
        return reranker if reranker is None else self._closing(reranker)

    def _make_access(self) -> Access:
        default_user = ids.user_id(self.config.user_id)
        users = self._closing(build_user_store(self._named, self.config.user_manager))
        users.create_user(self.tenant, default_user, role=Role.ROOT if default_user == ROOT_USER else None)
        return Access(self.tenant, users, default_user=default_user)


def _needed(schedules: bool) -> Any:
    always = {"graph", "index"}
    return frozenset(always | {"redis"} if schedules else always)
