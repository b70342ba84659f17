"""``memos config``."""

from typing import Annotated, Any, Final

import typer

from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import print_json, print_table
from memos.configs.base import BaseConfig, schema_name
from memos.configs.catalog import CONFIGS
from memos.errors import InvalidRequest

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
app: Final = typer.Typer(no_args_is_help=True)


@app.command()
def show(data_dir: DataDir = None, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """The settings in force, secrets masked."""
    values = settings_of(data_dir, tenant).model_dump(mode="json")
    shown = {name: mask_url(value) if isinstance(value, str) else value for name, value in values.items()}
    if as_json:
        print_json(shown)
    else:
        print_table("Settings", ["setting", "value"], shown.items())


@app.command()
def schema(name: Annotated[str | None, typer.Argument(help="A configuration, such as MOSConfig.")] = None) -> None:
    """The JSON Schema of one configuration; without a name, of all of them by name."""
    known = {model.__name__: model for model in CONFIGS}
    if name is None:
        print_json({each: describe(model) for each, model in known.items()})
    elif name in known:
        print_json(describe(known[name]))
    else:
        raise InvalidRequest(f"unknown configuration {name!r}; known: {', '.join(known)}")


def describe(model: type[BaseConfig]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration's file."""
    return {"$schema": DIALECT, "$id": f"memos:{schema_name(model)}", **model.model_json_schema()}


def mask_url(value: str) -> str:
    """A URL without its password; anything else as it is."""
    scheme, separator, rest = value.partition("://")
    login, at, host = rest.rpartition("@")
    if not separator or not at or ":" not in login:
        return value
    user, _, _ = login.partition(":")
    return f"{scheme}://{user}:**********@{host}"
