"""Prompts are files beside the code that uses them; a header between comment marks says what goes in and out."""

from functools import cache
from importlib.resources import files


@cache
def load_prompt(package: str, version: str) -> str:
    """The text of ``prompts/VERSION.md`` in a package of ours, without its header."""
    text = files(package).joinpath("prompts", f"{version}.md").read_text(encoding="utf-8")
    return text.partition("-->")[2].strip()
