"""The demonstration's steps: enqueue, watch, ask, chat, count. Everything shown is measured or read back."""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from memos.configs.mem_os import MOSConfig
from memos.demo import checks
from memos.demo.checks import Check
from memos.demo.script import Question, Script
from memos.demo.view import View
from memos.errors import InvalidConfig
from memos.ids import TenantId
from memos.mem_os.chat import ChatReport
from memos.mem_os.main import MOS
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.item import TextualMemoryItem
from memos.settings import Settings
from memos.types import FINAL_STATES, JobKind, JobRecord

JOBS_TIMEOUT_S: Final = 120.0
TOP_K: Final = 5
_POLL_S: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A tenant of the demonstration with its own MOS, as a process of its own would have it."""

    script: Script
    mos: MOS

    @property
    def id(self) -> TenantId:
        return TenantId(self.script.tenant)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatComparison:
    """One question answered with plain prefill and with the stored KV artefact, greedily."""

    question: str
    plain_text: str
    cached_text: str
    plain: ChatReport
    cached: ChatReport


@dataclass(kw_only=True, slots=True)
class Demo:
    """Runs the steps in order and collects the checks."""

    settings: Settings
    scheduler: Scheduler
    scripts: Sequence[Script]
    view: View
    checks: list[Check] = field(default_factory=list[Check])

    def run(self) -> list[Check]:
        """All steps; returns every check, failed ones too."""
        with self._open_tenants() as tenants:
            records = self._ingest(tenants)
            self._ask(tenants)
            comparison = self._chat(tenants[0])
        self.checks += [checks.check_jobs(records), *chat_checks(comparison)]
        self.view.show_jobs(checks.statistics_of(records))
        return self.checks

    @contextmanager
    def _open_tenants(self) -> Generator[list[Tenant]]:
        with ExitStack() as opened:
            yield [self._open_tenant(script, opened) for script in self.scripts]

    def _open_tenant(self, script: Script, opened: ExitStack) -> Tenant:
        config = MOSConfig(user_id=script.user, enable_mem_scheduler=True, enable_activation_memory=True)
        settings = self.settings.model_copy(update={"tenant": script.tenant})
        return Tenant(script=script, mos=opened.enter_context(MOS(config, settings=settings)))

    def _ingest(self, tenants: Sequence[Tenant]) -> list[JobRecord]:
        for tenant in tenants:
            tenant.script.enqueue(tenant.mos)
        deadline = time.monotonic() + JOBS_TIMEOUT_S
        with self.view.progress() as show:
            while True:
                records = [record for tenant in tenants for record in self._jobs_of(tenant)]
                show(records)
                if _is_done(records, tenants) or time.monotonic() > deadline:
                    return records
                time.sleep(_POLL_S)

    def _jobs_of(self, tenant: Tenant) -> list[JobRecord]:
        return self.scheduler.list_jobs(tenant.id, limit=1000)

    def _ask(self, tenants: Sequence[Tenant]) -> None:
        for tenant in tenants:
            for question in tenant.script.answerable:
                items = _search(tenant, question)
                check = checks.check_found(question, items)
                self.checks.append(check)
                self.view.show_answer(tenant.script, question, items, check)
        for tenant in tenants:
            for other in (other.script for other in tenants if other is not tenant):
                self._ask_as_stranger(tenant, other)

    def _ask_as_stranger(self, tenant: Tenant, other: Script) -> None:
        """The other's questions and our own about the other: neither may bring up a word of the other's."""
        for question in (*other.answerable, *tenant.script.questions):
            self.checks.append(checks.check_isolated(question, _search(tenant, question), other))

    def _chat(self, tenant: Tenant) -> ChatComparison:
        question = tenant.script.chat
        _load_model(tenant)
        plain_text, plain = self._answer(tenant, question, use_artefact=False)
        cached_text, cached = self._answer(tenant, question, use_artefact=True)
        comparison = ChatComparison(
            question=question, plain_text=plain_text, cached_text=cached_text, plain=plain, cached=cached
        )
        self.view.show_comparison(plain, cached, same_text=plain_text == cached_text)
        return comparison

    def _answer(self, tenant: Tenant, question: str, *, use_artefact: bool) -> tuple[str, ChatReport]:
        stream = tenant.mos.chat_stream(question, use_artefact=use_artefact, remember=False)
        text = self.view.stream(question, stream, with_artefact=use_artefact)
        if stream.report is None:
            raise InvalidConfig("the demonstration needs a chat model that runs in this process")
        return text, stream.report


def chat_checks(comparison: ChatComparison) -> list[Check]:
    """The artefact was used, saved prompt tokens, and changed nothing about the answer."""
    cached = comparison.cached
    return [
        Check(name="the stored KV artefact was used", passed=cached.cached_tokens > 0, detail=cached.miss or ""),
        Check(
            name="the same answer with and without the artefact",
            passed=comparison.plain_text == comparison.cached_text,
            detail=f"{comparison.plain_text!r} and {comparison.cached_text!r}",
        ),
    ]


def _load_model(tenant: Tenant) -> None:
    """Let the model say a first word, so that no measurement has its loading in it."""
    next(iter(tenant.mos.chat_stream("Hello!", use_artefact=False, remember=False)), None)


def _search(tenant: Tenant, question: Question) -> list[TextualMemoryItem]:
    found: dict[str, Any] = tenant.mos.search(question.question, top_k=TOP_K)
    return checks.items_of(found)


def _is_done(records: Sequence[JobRecord], tenants: Sequence[Tenant]) -> bool:
    """Every session is extracted, each cube has a KV build behind it, and nothing is left to do."""
    ended = [record for record in records if record.state in FINAL_STATES]
    kinds = {(record.lane.tenant, record.kind) for record in ended}
    wanted = {(tenant.id, kind) for tenant in tenants for kind in (JobKind.EXTRACT, JobKind.KV_BUILD)}
    sessions = sum(len(tenant.script.sessions) for tenant in tenants)
    extracted = sum(record.kind is JobKind.EXTRACT for record in ended)
    return len(ended) == len(records) and extracted >= sessions and wanted <= kinds
