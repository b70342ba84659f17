"""Text that every encoder and every store accepts."""

import re
from typing import Final

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """``text`` with U+FFFD in place of each lone surrogate, which UTF-8 cannot encode."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def without_controls(text: str) -> str:
    """``text``, well formed, without control characters but for white space: stores refuse NUL, terminals obey ESC."""
    return _CONTROLS.sub("", well_formed(text))
