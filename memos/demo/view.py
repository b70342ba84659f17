"""What the demonstration prints."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from memos.demo.checks import Check, JobStatistics
from memos.demo.script import Question, Script
from memos.mem_os.chat import ChatReport
from memos.memories.textual.item import TextualMemoryItem
from memos.types import JobRecord, JobState

_SHOWN_MEMORIES: Final = 2
_STATES: Final = (JobState.QUEUED, JobState.LEASED, JobState.RUNNING, JobState.RETRYING, JobState.SUCCEEDED)


class View:
    """Prints to a console; a quiet one prints nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def title(self, text: str) -> None:
        """A heading."""
        self._console.rule(f"[bold]{escape(text)}", align="left")

    @contextmanager
    def progress(self) -> Generator[Callable[[Sequence[JobRecord]], None]]:
        """A live table of jobs by kind and state; call the result with the newest records."""
        self.title("Jobs")
        with Live(console=self._console, refresh_per_second=8) as live:
            yield lambda records: live.update(_job_table(records))

    def show_answer(self, script: Script, question: Question, items: Sequence[TextualMemoryItem], check: Check) -> None:
        """A question with the best memories found and where they come from."""
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        self._console.print(
            f"\n{mark} [bold]{escape(script.user)}[/] of {escape(script.tenant)}: {escape(question.question)}"
        )
        for item in _shown(question, items):
            for source in item.sources:
                said = f"{source.speaker}, {source.chat_time:%a %d %b %Y %H:%M}"
                self._console.print(f"    {item.memory}", markup=False)
                self._console.print(f"      [dim]{escape(said)}: “{escape(source.content)}”[/]")

    def stream(self, question: str, pieces: Iterable[str], *, with_artefact: bool) -> str:
        """Print an answer as it comes and return it whole."""
        how = "with the stored KV artefact" if with_artefact else "plain prefill"
        self.title(f"Chat, {how}")
        self._console.print(f"> {question}", markup=False)
        answer: list[str] = []
        for piece in pieces:
            self._console.print(piece, end="", markup=False, soft_wrap=True)
            answer.append(piece)
        self._console.print()
        return "".join(answer)

    def show_comparison(self, plain: ChatReport, cached: ChatReport, *, same_text: bool) -> None:
        """Measured times to the first token."""
        table = Table("", "prompt tokens", "from the artefact", "time to first token", "found in")
        for name, report in (("plain prefill", plain), ("stored artefact", cached)):
            first = "" if report.ttft_ms is None else f"{report.ttft_ms:.0f} ms"
            table.add_row(name, str(report.prompt_tokens), str(report.cached_tokens), first, report.tier or "")
        self._console.print(table)
        self._console.print(f"Same text: {'yes' if same_text else 'NO'}")

    def show_jobs(self, statistics: Sequence[JobStatistics]) -> None:
        """Counts and times by kind."""
        self.title("Jobs by kind")
        table = Table("kind", "jobs", "failed", "wait p50", "wait p95", "run p50", "run p95")
        for row in statistics:
            times = (row.wait_p50, row.wait_p95, row.run_p50, row.run_p95)
            table.add_row(row.kind, str(row.count), str(row.failed), *(_milliseconds(value) for value in times))
        self._console.print(table)

    def show_checks(self, checks: Sequence[Check], *, seconds: float) -> None:
        """How many checks held, and each that did not."""
        failed = [check for check in checks if not check.passed]
        self.title(f"{len(checks) - len(failed)} of {len(checks)} checks passed in {seconds:.0f} s")
        for check in failed:
            self._console.print(f"[red]FAILED[/] {escape(check.name)} — {escape(check.detail)}")

    def show_urls(self, urls: Mapping[str, str], *, password_file: Path, up: bool) -> None:
        """Where everything runs, and where its credentials are."""
        self.title("Still running" if up else "What ran (keep it up with --keep)")
        self._console.print(f"  credentials  {password_file}", markup=False)
        for name, url in urls.items():
            self._console.print(f"  {name:<12} {url}", markup=False)


def _shown(question: Question, items: Sequence[TextualMemoryItem]) -> list[TextualMemoryItem]:
    """The memories that answer, first of all; else the best ones."""
    answering = [
        item for item in items if any(part in source.content for part in question.expect for source in item.sources)
    ]
    return (answering or list(items))[:_SHOWN_MEMORIES]


def _job_table(records: Sequence[JobRecord]) -> Table:
    counts = Counter((record.kind, record.state) for record in records)
    table = Table("kind", *_STATES, "dead")
    for kind in sorted({record.kind for record in records}):
        table.add_row(kind, *(str(counts[kind, state]) for state in (*_STATES, JobState.DEAD)))
    return table


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"
