"""Options that several commands share, and the settings that they amount to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from memos.settings import Settings, load_settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Databases and state; default ./.memos.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="The tenant to act for; default MEMOS_TENANT.")]
User = Annotated[str, typer.Option("--user", help="The user who acts.")]
Cube = Annotated[str | None, typer.Option("--cube", help="The memory cube; default: the user's first.")]
Session = Annotated[str, typer.Option("--session", help="The session that messages belong to.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def settings_of(data_dir: Path | None = None, tenant: str | None = None) -> Settings:
    """Settings with the options that were given."""
    given: dict[str, Any] = {"data_dir": data_dir, "tenant": tenant}
    return load_settings(**{name: value for name, value in given.items() if value is not None})
