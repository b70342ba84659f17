"""A language model words summaries and finds relations, within what one run may spend; it never fails a run.

    plan by rules ──> items ──> inquiries that fit the tokens left ──> one call each, while there is time ──> checked
                                  │ what does not fit: another run's       │ away, too slow, or unusable
                                  └──> stays fresh                         └──> the rules' words stay

No answer is stored before it is applied: a summary's id comes from its children, and a plan is applied once. Whoever
comes second, in another process or after a crash, finds nothing fresh, or a plan that no longer holds, and writes
nothing; a crash before that costs the call.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any, Final

from memos.clock import Clock
from memos.errors import InvalidRequest, MemosError, QuotaExceeded, Unavailable
from memos.llms.base import LLM, ChatMessages
from memos.organize.inquiry import EMPTY_TOKENS, Inquiry, Item, build_items, build_material, choose
from memos.organize.plan import Plan
from memos.organize.reply import Reply, UnusableReplyError, build_schema, parse_reply
from memos.organize.surroundings import Surroundings
from memos.organize.told import Told
from memos.prompts import load_prompt
from memos.recall.budget import estimate_tokens

logger = logging.getLogger(__name__)

PROMPT_VERSION: Final = "tell_v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a run has asked. ``tokens`` are an estimate; ``dropped`` are parts of answers that failed the check.

    ``degraded`` says why something was left to rules alone.
    """

    calls: int = 0
    tokens: int = 0
    dropped: int = 0
    degraded: tuple[str, ...] = ()


class Teller:
    """Asks a model about the pages of one run, in ``tokens`` at most and until ``ends_s`` of the clock."""

    def __init__(self, llm: LLM, clock: Clock, *, tokens: int, ends_s: float) -> None:
        self._llm = llm
        self._clock = clock
        self._tokens = tokens
        self._ends_s = ends_s
        self._prompt = load_prompt("memos.organize", PROMPT_VERSION)
        self.spent = Spent()

    def tell(self, around: Surroundings, draft: Plan) -> Told:
        """What the model says of a page, given the plan that rules would make; with what has to wait."""
        fixed = estimate_tokens(self._prompt) + EMPTY_TOKENS
        found = choose(build_items(around, draft), left=self._left, most=self._tokens, fixed=fixed)
        if found.too_large:
            self._note(f"{len(found.too_large)} of its questions are larger than MEMOS_ORGANIZE_TOKENS")
        replies: list[Reply] = []
        waiting = list(found.waiting)
        for inquiry in found.asked:
            if inquiry.tokens > self._left or self._clock.monotonic_s() >= self._ends_s:
                waiting += inquiry.items
                continue
            reply = self._ask(inquiry)
            replies += [] if reply is None else [reply]
        return _join(self._llm.model, around, replies, waiting)

    @property
    def _left(self) -> int:
        return self._tokens - self.spent.tokens

    def _ask(self, inquiry: Inquiry) -> Reply | None:
        """What counts of the answer; None when there is none that can be used."""
        material = build_material(inquiry)
        self._spend(calls=1, tokens=estimate_tokens(self._prompt) + estimate_tokens(material))
        chat = [{"role": "system", "content": self._prompt}, {"role": "user", "content": material}]
        try:
            answer = self._generate(chat, build_schema(inquiry))
            self._spend(tokens=estimate_tokens(answer))
            reply = parse_reply(answer, inquiry, model=self._llm.model)
        except (Unavailable, QuotaExceeded, InvalidRequest, UnusableReplyError) as error:
            self._note(str(error))
            return None
        self._spend(dropped=reply.dropped)
        if reply.dropped:
            logger.warning("%d parts of %s's answer were dropped: not as asked", reply.dropped, self._llm.model)
        return reply

    def _generate(self, chat: ChatMessages, schema: Mapping[str, Any]) -> str:
        """The answer if it comes in time. One that comes later is thrown away; a call cannot be taken back."""
        coming: Future[str] = Future()

        def answer() -> None:
            try:
                coming.set_result(self._llm.generate(chat, json_schema=schema))
            except MemosError as error:
                coming.set_exception(error)
            finally:
                coming.cancel()  # of no effect but where a defect ends the thread: nobody waits for it then

        Thread(target=answer, name="memos-teller", daemon=True).start()
        left_s = self._ends_s - self._clock.monotonic_s()
        try:
            return coming.result(timeout=left_s)
        except TimeoutError as error:
            text = f"{self._llm.model} has not answered within the run; raise MEMOS_ORGANIZE_SECONDS"
            raise Unavailable("llm", text) from error

    def _spend(self, *, calls: int = 0, tokens: int = 0, dropped: int = 0) -> None:
        spent = self.spent
        self.spent = replace(
            spent, calls=spent.calls + calls, tokens=spent.tokens + tokens, dropped=spent.dropped + dropped
        )

    def _note(self, reason: str) -> None:
        logger.warning("memories are put in order by rules alone: %s", reason)
        self.spent = replace(self.spent, degraded=(*self.spent.degraded, f"organize: {reason}"))


def _join(model: str, around: Surroundings, replies: Sequence[Reply], waiting: Sequence[Item]) -> Told:
    edges = tuple(edge for reply in replies for edge in reply.relations)
    ends = {end for edge in edges for end in (edge.source, edge.target)}
    return Told(
        model=model,
        wordings={summary: wording for reply in replies for summary, wording in reply.wordings.items()},
        relations=edges,
        versions={end: around.memories[end].version for end in ends},
        postponed=frozenset(item.summary.memory.id for item in waiting if item.summary is not None),
        waiting=frozenset(item.facts[0].id for item in waiting if item.summary is None),
    )
