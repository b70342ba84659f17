"""Web pages as Markdown: what a reader sees, without scripts, styles, pictures and the addresses of links."""

from typing import TYPE_CHECKING, Final

from memos.documents.limits import DocumentLimits
from memos.documents.plain import join_lines

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_UNSEEN: Final = ("script", "style", "template", "noscript", "svg", "iframe", "object")


def convert_html(content: bytes, limits: DocumentLimits) -> str:
    """The page's text, its title first."""
    from bs4 import BeautifulSoup
    from markdownify import ATX, MarkdownConverter

    page = BeautifulSoup(content, "html.parser")
    title = _take_title(page)
    for tag in page(_UNSEEN):
        tag.decompose()
    converter = MarkdownConverter(
        heading_style=ATX, strip=["a", "img"], escape_asterisks=False, escape_underscores=False, bullets="-"
    )
    text: str = converter.convert_soup(page)
    return join_lines([title, *text.splitlines()] if title else text.splitlines(), max_chars=limits.max_chars)


def _take_title(page: "BeautifulSoup") -> str:
    """The title as a heading, unless the page has one of its own."""
    title = page.title
    text = " ".join(title.get_text().split()) if title is not None else ""
    if page.head is not None:
        page.head.decompose()
    return f"# {text}\n" if text and page.h1 is None else ""
