"""The doctor's checks of providers: which are configured, is each there, and does it take the key?

files, settings ──────────────> mentions ──┐
variables (when no file is given) ─────────┴──> questions ──a thread each──> findings ──secrets struck out──> checks
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from memos.errors import InvalidConfig
from memos.local.checks import Check
from memos.local.providers.asking import ask_all
from memos.local.providers.config_file import load_mentions
from memos.local.providers.environment import KNOWN, Known
from memos.local.providers.finding import Finding
from memos.local.providers.masking import mask
from memos.local.providers.mentions import Mention, find_embedder, find_reader
from memos.local.providers.questions import Question, about_known, about_mentions
from memos.settings import Settings


def check_providers(settings: Settings, files: Sequence[Path] = ()) -> Generator[Check]:
    """One check a provider of the settings and the files; without files, also of the environment's variables.

    All are asked at the same time. Whatever is wrong is a check that failed, or a warning about a provider that
    nothing but a variable names; a provider of which no variable is set is no fault.
    """
    mentions: list[Mention] = []
    for path in files:
        mentions += yield from _read(path)
    mentions += yield from _read_settings(settings)
    set_here = [] if files else [known for known in KNOWN if known.set_variables]
    questions = [*about_mentions(mentions, settings), *map(about_known, set_here)]
    for question, finding in zip(questions, ask_all(questions), strict=True):
        yield _as_check(question, finding)
    yield from (_as_unset(known) for known in KNOWN if not files and not known.set_variables)


def _read(path: Path) -> Generator[Check, None, list[Mention]]:
    name = f"config {path.name}"
    try:
        found = load_mentions(path)
    except InvalidConfig as error:
        yield Check(name=name, ok=False, detail=mask(str(error), ()), advice="correct it; see `memos config schema`")
        return []
    yield Check(name=name, ok=True, detail=f"language models and embedders named: {len(found)}")
    return [replace(mention, place=f"{path.name}: {mention.place}".removesuffix(": ")) for mention in found]


def _read_settings(settings: Settings) -> Generator[Check, None, list[Mention]]:
    found: list[Mention] = []
    try:
        found += find_reader(settings)
    except InvalidConfig as error:
        yield Check(name="llm of the reader", ok=False, detail=str(error), advice="set both, or MEMOS_READER=rules")
    try:
        found += find_embedder(settings)
    except InvalidConfig as error:
        advice = "correct the file, or unset MEMOS_EMBEDDER_CONFIG"
        yield Check(name="embedder of the settings", ok=False, detail=mask(str(error), ()), advice=advice)
    return found


def _as_check(question: Question, finding: Finding) -> Check:
    subject = f"{question.subject}: " if question.subject else ""
    return Check(
        name=question.name,
        ok=finding.ok,
        detail=mask(f"{subject}{finding.detail} ({', '.join(question.places)})", question.secrets),
        advice=mask(finding.advice, question.secrets),
        is_warning=not finding.ok and (finding.is_warning or not question.is_required),
    )


def _as_unset(known: Known) -> Check:
    names = ", ".join(known.variables)
    return Check(name=f"provider {known.name}", ok=True, detail=f"not configured ({names})")
