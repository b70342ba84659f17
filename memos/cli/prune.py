"""``memos prune``: archive, or delete, what a cube has too much of, by rules of the command or the cube's retention."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Final

import typer

from memos import ids
from memos.cli.cubes import require_cube
from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import print_json, print_table
from memos.clock import SystemClock
from memos.errors import InvalidRequest
from memos.ids import CubeId, TenantId
from memos.kv.store import ArtefactStore
from memos.local.ondemand import ensure_servers
from memos.local.servers import Server
from memos.mem_scheduler.factory import build_use_counts
from memos.memories.textual.pruning import Pruner, PruneReport
from memos.memories.textual.stores import TextStores
from memos.organize.prune import PruneRules, parse_rules
from memos.organize.retention import Retention, check_deletion, choose, common_retention, rules_of
from memos.recall.use import uncounted
from memos.settings import Settings
from memos.wiring import open_stores

_NEEDED: Final[frozenset[Server]] = frozenset({"graph", "index"})
_AGE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([hdw])")
_WOULD_GO: Final = "would go"
_COUNTS: Final = ("cube", "memories", "planned", "pruned", "reasons")
_COLUMNS: Final = ("id", "reason", "memory")
_RULES: Final = ("rule", "limit", "said_by")
_DAYS: Final = {"h": 1 / 24, "d": 1.0, "w": 7.0}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(prune)


def prune(
    cube: Annotated[str, typer.Argument(help="The memory cube.")],
    older_than: Annotated[str | None, typer.Option("--older-than", help="Stored longer ago: 12h, 180d, 26w.")] = None,
    keep: Annotated[int | None, typer.Option("--keep", help="How many of the most important may stay.")] = None,
    below_importance: Annotated[
        float | None, typer.Option("--below-importance", help="Less important by now than this, from 0 to 1.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="For good, the archived ones too; else archive.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Archive memories that are too old, too little important, or too many; not pinned ones, nor instructions.

    Without a rule: what the cube's retention, else that of the settings, does not let stay, as workers do once a day.
    """
    age = None if older_than is None else _parse_days(older_than)
    asked = parse_rules(max_age_days=age, below_importance=below_importance, keep=keep)
    settings = settings_of(data_dir, tenant)
    place = ids.tenant_id(settings.tenant), ids.cube_id(cube)
    if delete:
        check_deletion(asked)
    if delete and not dry_run and not yes and not typer.confirm(_question(place), err=True):
        raise typer.Exit(1)
    with closing(open_stores(ensure_servers(settings, need=_NEEDED))) as stores:
        require_cube(settings, stores.graph, *place)
        own = stores.graph.find_retention(*place)
        rules = rules_of(asked, choose(own, common_retention(settings)))
        report = _pruner(settings, stores).prune(*place, rules, delete=delete, dry_run=dry_run)
    said_by = {name: _said_by(name, asked, own) for name, limit in asdict(rules).items() if limit is not None}
    _print(report, said_by, _WOULD_GO if dry_run else "deleted" if delete else "archived", as_json)


def _said_by(rule: str, asked: PruneRules, own: Retention | None) -> str:
    if asked != PruneRules():
        return "command"
    return "settings" if own is None or getattr(own, rule) is None else "cube"


def _pruner(settings: Settings, stores: TextStores) -> Pruner:
    artefacts = ArtefactStore(settings.kv_root)
    forget_uses = uncounted if settings.redis_url is None else build_use_counts(settings).forget
    half_life_days = settings.decay_half_life_days
    return Pruner(stores, artefacts, SystemClock(), half_life_days=half_life_days, forget_uses=forget_uses)


def _parse_days(given: str) -> float:
    """An age as days. Raises InvalidRequest."""
    found = _AGE.fullmatch(given.strip())
    if found is None:
        raise InvalidRequest(f"--older-than is {given!r:.40}; write hours, days or weeks as 12h, 180d or 26w")
    return float(found[1]) * _DAYS[found[2]]


def _question(place: tuple[TenantId, CubeId]) -> str:
    return f"Delete memories of {place[0]}/{place[1]} for good? --dry-run shows which."


def _print(report: PruneReport, said_by: Mapping[str, str], outcome: str, as_json: bool) -> None:
    rules = [(name, getattr(report.rules, name), source) for name, source in said_by.items()]
    sample = [(each.memory.id, each.reason.value, each.memory.text) for each in report.sample]
    if as_json:
        counts = {name: getattr(report, name) for name in _COUNTS}
        print_json({**counts, "rules": _named(_RULES, rules), "sample": _named(_COLUMNS, sample)})
        return
    print_table("Rules", _RULES, rules)
    count = report.planned if outcome == _WOULD_GO else report.pruned
    print_table("Pruning", ("memories", *report.reasons, outcome), [(report.memories, *report.reasons.values(), count)])
    if sample:
        print_table("Some of them", _COLUMNS, sample)


def _named(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]
