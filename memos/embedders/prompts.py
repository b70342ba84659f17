"""What is put before a text, so that a model knows a question from an answer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from memos.embedders.base import Purpose

# The names under which sentence-transformers models keep their prompts; the first that is not empty counts, since the
# library fills in an empty "document" beside the "passage" that models of the E5 family need.
_NAMES: Final[Mapping[Purpose, tuple[str, ...]]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
    "update": ("document", "passage", "corpus"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompts:
    """Prompts by configuration; None leaves the choice to the model."""

    query: str | None = None
    document: str | None = None

    def find(self, purpose: Purpose) -> str | None:
        """The configured prompt, which may be empty to switch the model's own off."""
        return self.query if purpose == "query" else self.document


def choose_prompt(
    configured: Prompts, own: Mapping[str, str], purpose: Purpose, *, default_name: str | None = None
) -> str:
    """The configured prompt, else the model's own for the purpose, else its default one, else none."""
    prompt = configured.find(purpose)
    if prompt is not None:
        return prompt
    names = [*_NAMES[purpose], *([default_name] if default_name else [])]
    return next((own[name] for name in names if own.get(name)), "")
