"""The page: what it tells, that what was said cannot act in it, and that nothing is loaded."""

import base64
import re
import sys
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from memos.errors import InvalidConfig
from memos.ids import CubeId
from memos.view.page import render_page, script_hashes
from tests.support.sample_graph import ARABIC, MARKUP, take_snapshot

pytest.importorskip("bokeh")


class Elements(HTMLParser):
    """The elements and the visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


@pytest.fixture(scope="module")
def page() -> Elements:
    return Elements(render_page(take_snapshot()))


@pytest.mark.parametrize(
    "words",
    [
        "Ana lives in Lisbon.",
        ARABIC,
        MARKUP,
        "LongTermMemory, fact",
        "no longer valid",
        "archived",
        "said 2023-11-14 22:13 UTC",
        "until 2023-11-15 22:13 UTC",
        "I am from Porto.",
        "<i>Eve</i>",
        "6 memories, 4 relations, as of 2025-10-09 08:53 UTC",
        "SUPERSEDES → 6 Ana lived in Porto.",
        "SUPERSEDES ← 5 Ana lives in Lisbon.",
    ],
)
def test_the_page_tells_memories_times_sources_and_relations(page: Elements, words: str) -> None:
    assert words in page.text


def test_what_was_said_makes_no_element(page: Elements) -> None:
    assert {tag for tag, _ in page.found}.isdisjoint({"img", "i", "iframe", "object"})
    assert [attributes for _, attributes in page.found if any(name.startswith("on") for name in attributes)] == []
    assert [script for script in page.scripts if "pwned" in script and "<" in script] == []


def test_nothing_is_loaded(page: Elements) -> None:
    loading = [(tag, attributes) for tag, attributes in page.found if {"src", "srcset", "data"} & attributes.keys()]
    assert loading == []
    assert "link" not in {tag for tag, _ in page.found}
    assert {attributes["href"] for _, attributes in page.found if "href" in attributes} == {"#m3", "#m4", "#m5", "#m6"}


def test_only_the_pages_own_scripts_may_run(page: Elements) -> None:
    policy = next(str(each["content"]) for _, each in page.found if "http-equiv" in each)
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    kinds = [attributes.get("type") for tag, attributes in page.found if tag == "script"]
    runs = [script for script, kind in zip(page.scripts, kinds, strict=True) if kind != "application/json"]
    assert [base64.b64encode(sha256(script.encode()).digest()).decode() for script in runs] == allowed
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_a_policy_without_scripts_allows_none() -> None:
    assert script_hashes("", "<p>") == "'none'"


def test_left_out_memories_and_relations_are_told() -> None:
    taken = replace(take_snapshot(limit=2), more_edges=True)
    told = Elements(render_page(taken)).text
    assert "4 older memories are left out." in told
    assert "More relations are left out." in told


def test_an_empty_cube_has_a_page_that_says_so() -> None:
    empty = Elements(render_page(take_snapshot(memories=(), messages=(), edges=())))
    assert "This cube has no memories in the graph" in empty.text
    assert empty.scripts == []


def test_the_cubes_name_is_text() -> None:
    named = Elements(render_page(replace(take_snapshot(), cube=CubeId("<b>bold</b>"))))
    assert "b" not in {tag for tag, attributes in named.found if tag == "title"}
    assert named.text.count("<b>bold</b>") == 2


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(InvalidConfig, match=r"needs bokeh; .* 'memos\[graph\]'"):
        render_page(take_snapshot())
