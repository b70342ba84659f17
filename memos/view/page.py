"""The page: one HTML file with the drawing, the memories with their sources, and the scripts that both need."""

import base64
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from memos.errors import InvalidConfig
from memos.view.card import build_cards, show_time
from memos.view.snapshot import Snapshot

if TYPE_CHECKING:
    from jinja2 import Template

_NEEDS: Final = ("bokeh", "jinja2", "networkx")
# A block of JSON is data, which no policy has to allow.
_SCRIPT: Final = re.compile(r"<script(?![^>]*application/json)[^>]*>(.*?)</script>", re.DOTALL)


def require_view_extra() -> None:
    """Raises InvalidConfig, naming what is missing, unless the page's packages are installed. Imports none of them."""
    missing = [module for module in _NEEDS if find_spec(module) is None]
    if missing:
        raise InvalidConfig(
            f"the page of a graph needs {', '.join(missing)}; install it with: pip install 'memos[graph]'"
        )


def render_page(snapshot: Snapshot) -> str:
    """One HTML page, about 1.3 MB, that loads nothing and runs no script but its own. Raises InvalidConfig."""
    require_view_extra()
    cards = build_cards(snapshot)
    shown = {
        "snapshot": snapshot,
        "cards": cards,
        "taken_at": show_time(snapshot.taken_at_ms),
        "plain_scripts": f"<script>\n{_load('page.js')}</script>" if cards else "",
        "script_hashes": script_hashes,
        "bokeh_js": "",
        "plot_script": "",
        "roots": (),
    }
    if not cards:
        return _template().render(shown)

    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    from memos.view.figure import build_figure
    from memos.view.layout import place

    places = place([card.id for card in cards], snapshot.edges)
    drawing = build_figure(cards, snapshot.edges, places)
    return file_html(drawing, INLINE, title=snapshot.cube, template=_template(), template_variables=shown)


def script_hashes(*markup: str) -> str:
    """The sources of a policy that lets just the scripts in this markup run, by their contents."""
    contents = [script for each in markup for script in _SCRIPT.findall(each)]
    return " ".join(f"'sha256-{_digest(content)}'" for content in contents) or "'none'"


def _digest(script: str) -> str:
    return base64.b64encode(sha256(script.encode()).digest()).decode()


@cache
def _template() -> "Template":
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_load("page.html.jinja"))


def _load(name: str) -> str:
    return files("memos.view").joinpath(name).read_text(encoding="utf-8")
