"""The parts of one MOS object, each made when it is first needed and closed with it."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from memos.clock import Clock
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import DocumentMemReaderConfig, MemReaderConfigFactory
from memos.documents.reader import DocumentReader
from memos.errors import InvalidRequest, Unavailable
from memos.ids import CubeId
from memos.llms.base import LLM, MeteredLLM
from memos.llms.factory import LLMFactory
from memos.llms.huggingface import HuggingFaceLLM
from memos.mem_os.activation import Activation, artefact_item
from memos.mem_os.adapters import AdaptedModels, check_adaptable
from memos.mem_os.chat import Chatter
from memos.mem_os.described import describe_job, refuse_masked
from memos.mem_os.history import SessionHistory
from memos.mem_os.intake import DirectIntake, Intake, QueuedIntake, RoutedIntake
from memos.mem_os.shelves import ListHeld
from memos.mem_os.store_parts import StoreParts
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.mem_scheduler.factory import build_scheduler
from memos.memories.textual.writer import TextWriter
from memos.recall.advice import Adviser
from memos.recall.modes import GuidedSearch
from memos.settings import Settings
from memos.types import Lane
from memos.wiring import chat_model_config, open_model, open_reader, require_local_model

logger = logging.getLogger(__name__)

DOCUMENT_READER: Final = MemReaderConfigFactory(backend="document", config=DocumentMemReaderConfig())


class Parts(StoreParts):
    """Those around the stores, the scheduler, the ways in, and what chats need."""

    def __init__(self, config: MOSConfig, settings: Settings, clock: Clock | None = None) -> None:
        super().__init__(config, settings, clock)
        self._chat_config = config.chat_model or chat_model_config(settings)
        self._job_options = describe_job(config, self._chat_config)
        if config.enable_mem_scheduler:
            refuse_masked(self._job_options["reader"])
        if config.enable_parametric_memory:
            check_adaptable(self._chat_config)

    @property
    def guided(self) -> GuidedSearch:
        """For searches in a mode that asks the chat model."""
        return self._once("guided", lambda: GuidedSearch(recall=self.recall, adviser=Adviser(llm=self._model)))

    @property
    def _model(self) -> MeteredLLM:
        return self._once("model", lambda: LLMFactory.from_config(self._chat_config, settings=self._named))

    @property
    def organizing_model(self) -> LLM | None:
        """The reader's model, if it has one: it words what a reorganisation sums up."""
        return self._once("reader", lambda: open_reader(self.config.mem_reader, self._named)).llm

    @property
    def organizing_settings(self) -> Settings:
        """What a reorganisation may spend."""
        return self._named

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
            note_uses=self.uses.note,
            workers_build=self.scheduler is not None,
        )
