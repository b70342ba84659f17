"""``memos config``."""

from typing import Final

import typer

from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import print_json, print_table

app: Final = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep ``show`` a sub-command while it is the only one."""


@app.command()
def show(data_dir: DataDir = None, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """The settings in force, secrets masked."""
    values = settings_of(data_dir, tenant).model_dump(mode="json")
    shown = {name: mask_url(value) if isinstance(value, str) else value for name, value in values.items()}
    if as_json:
        print_json(shown)
    else:
        print_table("Settings", ["setting", "value"], shown.items())


def mask_url(value: str) -> str:
    """A URL without its password; anything else as it is."""
    scheme, separator, rest = value.partition("://")
    login, at, host = rest.rpartition("@")
    if not separator or not at or ":" not in login:
        return value
    user, _, _ = login.partition(":")
    return f"{scheme}://{user}:**********@{host}"
