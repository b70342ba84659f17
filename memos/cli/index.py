"""``memos index``: does the index hold what the graph holds, and making it anew from there."""

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Any, Final

import typer

from memos import ids
from memos.cli.options import AsJson, DataDir, settings_of
from memos.cli.output import errors, print_json, print_table
from memos.clock import SystemClock
from memos.errors import NotFound
from memos.ids import CubeId, TenantId
from memos.local.ondemand import ensure_servers
from memos.local.servers import Server
from memos.mem_user.factory import build_user_store
from memos.memories.textual.difference import Difference
from memos.memories.textual.writer import TextWriter
from memos.settings import Settings
from memos.wiring import open_emptied_stores, open_stores

app: Final = typer.Typer(no_args_is_help=True)

OnlyTenant = Annotated[
    str | None, typer.Option("--tenant", help="Only cubes of this tenant; with --cube: default MEMOS_TENANT.")
]
OnlyCube = Annotated[str | None, typer.Option("--cube", help="Only this cube, be it one that no user has.")]
_Place = tuple[TenantId, CubeId]
_NEEDED: Final[frozenset[Server]] = frozenset({"graph", "index"})


@app.command()
def verify(
    tenant: OnlyTenant = None,
    cube: OnlyCube = None,
    repair: Annotated[bool, typer.Option("--repair", help="Index what is missing, remove what is surplus.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare the index with the graph, cube by cube. Exits 1 when they differ and that was not repaired."""
    settings = settings_of(data_dir, tenant)
    places = _choose(settings, tenant, cube)
    differences: dict[_Place, Difference] = {}
    with closing(open_stores(ensure_servers(settings, need=_NEEDED))) as stores:
        writer = TextWriter(stores, SystemClock())
        for place in places:
            found = differences[place] = writer.verify(*place, repair=repair)
            _say(place, f"{found.memories} memories, {len(found.missing)} missing, {len(found.surplus)} surplus")
    _report({**_count(places, _memories(differences)), **_sum_up(differences, repair)}, as_json)
    if any(differences.values()) and not repair:
        raise typer.Exit(1)


@app.command()
def rebuild(
    tenant: OnlyTenant = None,
    cube: OnlyCube = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Index all memories anew. Without --tenant and --cube the collection is dropped first, and asked for."""
    settings = settings_of(data_dir, tenant)
    places = _choose(settings, tenant, cube)
    everything = tenant is None and cube is None
    open_index = open_emptied_stores if everything else open_stores
    if everything and not yes and not typer.confirm(_question(settings, places), err=True):
        raise typer.Exit(1)
    total = 0
    with closing(open_index(ensure_servers(settings, need=_NEEDED))) as stores:
        writer = TextWriter(stores, SystemClock())
        for place in places:
            indexed = writer.reindex(*place)
            _say(place, f"{indexed} memories")
            total += indexed
        stores.index.flush()
    _report(_count(places, total), as_json)


def _choose(settings: Settings, tenant: str | None, cube: str | None) -> list[_Place]:
    """The cubes that are meant. Raises NotFound for a tenant without any."""
    if cube is not None:
        return [(ids.tenant_id(settings.tenant), ids.cube_id(cube))]
    with closing(build_user_store(settings)) as users:
        known = [(each.tenant, each.id) for each in users.list_all_cubes()]
    if tenant is None:
        return known
    theirs = [place for place in known if place[0] == ids.tenant_id(tenant)]
    if not theirs:
        raise NotFound(f"no user of tenant {tenant!r} has a cube; name one with --cube, or see --data-dir")
    return theirs


def _question(settings: Settings, places: Sequence[_Place]) -> str:
    return (
        f"Drop the collection {settings.milvus_collection} and index the {len(places)} cubes of users anew? "
        "Searches find less until that is done."
    )


def _say(place: _Place, what: str) -> None:
    errors.print(f"{place[0]}/{place[1]}: {what}", markup=False, soft_wrap=True)


def _count(places: Sequence[_Place], memories: int) -> dict[str, Any]:
    return {"tenants": len({tenant for tenant, _ in places}), "cubes": len(places), "memories": memories}


def _memories(differences: dict[_Place, Difference]) -> int:
    return sum(found.memories for found in differences.values())


def _sum_up(differences: dict[_Place, Difference], repair: bool) -> dict[str, Any]:
    return {
        "missing": sum(len(found.missing) for found in differences.values()),
        "surplus": sum(len(found.surplus) for found in differences.values()),
        "repaired": repair and any(differences.values()),
    }


def _report(totals: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(totals)
    else:
        print_table("Index", tuple(totals), [tuple(totals.values())])
