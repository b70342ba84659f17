"""What an error of a language model or an embedder says about its provider."""

from typing import Final

import httpx
import openai

from memos.errors import InvalidConfig, MemosError, QuotaExceeded, Unavailable
from memos.local.providers.finding import SILENT, Finding

_REFUSED: Final = (401, 403)
# How the errors of a connection end that could not be made.
_AWAY: Final = "; check that it runs"
_ABOUT_LIMIT: Final = "ask again later; if it stays, look at the account's limits and what is left on it"
_SHOWN_CHARS: Final = 300


def find_in_error(error: MemosError) -> Finding:
    """A finding that is not ok, by the class of the error and by the provider's own error behind it."""
    cause = error.__cause__
    status = status_of(cause)
    # Google answers 400 to a wrong key.
    if status in _REFUSED or (status == 400 and "API key" in str(cause)):
        return Finding(detail=f"key refused ({status})", advice="check the key, and that it is this server's")
    if isinstance(cause, openai.APITimeoutError | httpx.TimeoutException):
        return SILENT
    if isinstance(error, InvalidConfig):
        return Finding(detail=str(error), advice="give what is missing, or correct the configuration")
    if isinstance(error, QuotaExceeded):
        return Finding(detail=f"answers, but not now: {cause}"[:_SHOWN_CHARS], advice=_ABOUT_LIMIT, is_warning=True)
    reason = _reason_of(error)
    if reason.endswith(_AWAY):
        return Finding(detail=reason.removesuffix(_AWAY), advice="start the server, or correct its address")
    if status is not None and status >= 500:
        return Finding(detail=reason, advice="it is in trouble: look at its log, or ask again later")
    return Finding(detail=reason, advice="check the address and the model's name")


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status in an error of a provider's SDK; each has a name of its own for it."""
    found = getattr(error, "status_code", None) or getattr(error, "code", None)
    return found if isinstance(found, int) else None


def _reason_of(error: MemosError) -> str:
    said = str(error)
    return said.removeprefix(f"{error.dependency} is unavailable: ") if isinstance(error, Unavailable) else said
