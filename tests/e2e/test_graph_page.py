"""The page of a cube's graph in a real browser: drawn, pointed at, searched, and shut against what was said."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageColor

from memos.view.figure import TYPE_COLOURS
from memos.view.page import render_page
from memos.view.snapshot import Snapshot
from tests.support.chromium import Page, find_chromium, open_page
from tests.support.sample_graph import ARABIC, CUBE, MARKUP, MEMORIES, take_snapshot

pytest.importorskip("bokeh")
pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed (apt-get install chromium)")

DRAWN = "globalThis.Bokeh !== undefined && Bokeh.documents.length === 1 && Bokeh.documents[0].is_idle"
PLAIN = [memory.text for memory in MEMORIES[:4]]
PLOT = "const plot = [...Bokeh.index.roots].find((view) => view.frame);"
# What is told of the thing pointed at; bokeh keeps it in the shadow of an element.
TIPS = """
const told = (node) => node.nodeType === Node.TEXT_NODE ? node.data : node.tagName === "STYLE" ? ""
  : [...(node.shadowRoot ?? node).childNodes].map(told).join("");
const tips = (node) => node.classList?.contains("bk-Tooltip") ? [told(node)]
  : [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].flatMap(tips);
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return take_snapshot()


@pytest.fixture(scope="module")
def page(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    directory = tmp_path_factory.mktemp("page")
    file = directory / "graph.html"
    file.write_text(render_page(snapshot), encoding="utf-8")
    program = find_chromium()
    assert program is not None
    with open_page(program, directory / "profile") as opened:
        opened.open(file)
        opened.wait_for(DRAWN)
        yield opened


def run(page: Page, body: str) -> Any:
    """What a function with this body returns, which may use ``plot`` and ``tips``."""
    return page.evaluate(f"(() => {{ {PLOT} {TIPS} {body} }})()")


def point_at(page: Page, text: str) -> None:
    """Put the mouse on a memory's dot."""
    find = f"""
        const text = {json.dumps(text)};
        const dots = plot.model.renderers.filter((each) => each.name === "memory").map((each) => each.data_source.data);
        const dot = dots.find((each) => each.text.includes(text)), row = dot.text.indexOf(text);
        const frame = plot.frame.el.getBoundingClientRect();
        return [frame.x + plot.frame.x_scale.compute(dot.x[row]), frame.y + plot.frame.y_scale.compute(dot.y[row])];
    """
    page.point_at(*run(page, find))


def find_rows(page: Page) -> list[str]:
    """The memories that the table shows."""
    return page.evaluate(
        "[...document.querySelectorAll('#memories > tbody > tr')].filter((row) => row.checkVisibility())"
        ".map((row) => row.querySelector('.text').textContent)"
    )


def test_every_memory_and_relation_is_drawn(page: Page, snapshot: Snapshot) -> None:
    drawn = run(page, "return plot.model.renderers.map((each) => [each.name, each.data_source.data]);")
    texts = [text for name, columns in drawn if name == "memory" for text in columns["text"]]
    assert sorted(texts) == sorted(memory.text for memory in snapshot.memories)
    assert sum(len(columns["angle"]) for name, columns in drawn if name == "head") == len(snapshot.edges)


def test_the_screen_shows_dots_and_lines_in_their_colours(page: Page) -> None:
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    pixels = {colour: count for count, colour in image.getcolors(maxcolors=1 << 24) or []}
    relations = ("#D55E00", "#8B0000", "#FF0000")
    assert [each for each in (*TYPE_COLOURS.values(), *relations) if pixels.get(ImageColor.getrgb(each), 0) < 10] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ana lived in Porto.", ["fact, no longer valid", "until 2023-11-15 22:13 UTC", "Ana, 2023-11-14 22:13 UTC"]),
        (MARKUP, [f"2. {MARKUP}", f"<i>Eve</i>, 2023-11-14 22:13 UTC: “Said {MARKUP}”"]),
        (ARABIC, [ARABIC]),
    ],
)
def test_a_memory_that_is_pointed_at_tells_all_about_itself_word_for_word(
    page: Page, text: str, words: list[str]
) -> None:
    point_at(page, text)
    page.wait_for(f"(() => {{ {TIPS} return tips(document.body).join('').includes({json.dumps(text)}); }})()")
    (tip,) = run(page, "return tips(document.body);")
    assert [each for each in words if each not in tip] == []


def test_the_table_shows_every_memory_and_finds_by_words(page: Page) -> None:
    assert find_rows(page) == [ARABIC, MARKUP, *reversed(PLAIN)]
    page.evaluate("document.getElementById('search').focus()")
    page.write("ANA moved")
    assert find_rows(page) == ["Ana lives in Lisbon."]
    assert page.evaluate("document.getElementById('found').textContent") == "1 of 6"


def test_what_was_said_ran_nothing_and_nothing_was_fetched(page: Page, snapshot: Snapshot) -> None:
    assert page.evaluate("document.title") == snapshot.cube
    assert {url.partition(":")[0] for url in page.requests} == {"file", "data"}
    assert [url for url in page.requests if url.startswith("file:") and not url.endswith("/graph.html")] == []
    assert page.reports == []


def test_a_script_that_is_not_the_pages_own_is_refused_and_so_is_the_network(page: Page) -> None:
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))")
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
    assert page.evaluate("document.title") == CUBE
    refused = [report for report in page.reports if "Content Security Policy" in report]
    assert any("inline script" in report for report in refused)
    assert any("http://127.0.0.1:9/" in report for report in refused)
