"""The text of PDF documents, page after page. Scanned pages have none."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memos.documents.limits import DocumentLimits
from memos.documents.plain import join_lines
from memos.errors import InvalidRequest

if TYPE_CHECKING:
    from pypdf import PdfReader


def convert_pdf(content: bytes, limits: DocumentLimits) -> str:
    """The document's text. Raises InvalidRequest, also when a password is needed to read it."""
    from pypdf.errors import PyPdfError

    try:
        text = join_lines(_lines(_open(content)), max_chars=limits.max_chars)
    except PyPdfError as error:
        raise InvalidRequest(f"is damaged and cannot be converted ({error})") from None
    if not text.strip():
        raise InvalidRequest("holds no text; if its pages are pictures, have their text recognised first")
    return text


def _open(content: bytes) -> "PdfReader":
    from pypdf import PasswordType, PdfReader
    from pypdf.errors import DependencyError

    reader = PdfReader(io.BytesIO(content))
    try:
        # Without a password for reading, viewers open it with an empty one.
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise InvalidRequest("is encrypted; save it without a password")
    except DependencyError:
        raise InvalidRequest("is encrypted with AES, which takes: pip install cryptography") from None
    return reader


def _lines(reader: "PdfReader") -> Iterator[str]:
    for page in reader.pages:
        yield page.extract_text()
        yield ""
