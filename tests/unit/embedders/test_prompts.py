"""Which prompt is put before a text."""

import pytest

from memos.embedders.base import Purpose
from memos.embedders.prompts import Prompts, choose_prompt

OWN = {"query": "query: ", "passage": "passage: ", "other": "other: "}


@pytest.mark.parametrize(
    ("purpose", "expected"), [("query", "query: "), ("document", "passage: "), ("update", "passage: ")]
)
def test_a_models_own_prompt_is_found_by_its_usual_names(purpose: Purpose, expected: str) -> None:
    assert choose_prompt(Prompts(), OWN, purpose) == expected


def test_a_configured_prompt_replaces_the_models_own_and_an_empty_one_switches_it_off() -> None:
    configured = Prompts(query="Q ", document="")
    assert choose_prompt(configured, OWN, "query") == "Q "
    assert choose_prompt(configured, OWN, "document") == ""
    assert choose_prompt(configured, OWN, "update") == ""


def test_the_default_prompt_is_for_a_purpose_without_one() -> None:
    own = {"query": "", "other": "other: "}
    assert choose_prompt(Prompts(), own, "query", default_name="other") == "other: "
    assert choose_prompt(Prompts(), own, "document", default_name="gone") == ""
