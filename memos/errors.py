"""Every error that this project raises on purpose, as a tree of what a caller can do about it.

MemosError
├── InvalidRequest          fix the input
│   └── InvalidConfig       fix the configuration
├── NotFound                the thing does not exist, or not for you
├── AccessDenied            it exists and is not yours
├── QuotaExceeded           wait ``retry_after_s``, then repeat
├── Fenced                  someone newer holds the lane; drop what you did
├── Cancelled               the caller cancelled the job; what it has not done yet is not done
├── Unavailable             a dependency is away; repeat later
└── Corrupt                 stored bytes are not what was written; a person must look
"""


class MemosError(Exception):
    """Root of the tree. The message says what was wrong, where, and what to do next."""


class InvalidRequest(MemosError):
    """The input can never succeed as it is."""


class InvalidConfig(InvalidRequest):
    """A setting or a configuration file is wrong; the message names the field and the allowed values."""


class NotFound(MemosError):
    """Nothing of that name exists for this tenant."""


class AccessDenied(MemosError):
    """The caller may not do this to that thing."""


class QuotaExceeded(MemosError):
    """A limit was reached; nothing was stored. Repeat after ``retry_after_s`` seconds.

    ``reason`` is one word for which limit it was: see scheduler/limits.py, or ``provider`` for a model's own.
    """

    def __init__(self, message: str, *, retry_after_s: float, reason: str = "provider") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class Fenced(MemosError):
    """A newer holder works this lane. What the caller was doing was not applied."""


class Cancelled(MemosError):
    """A job that somebody works on was cancelled. Raised at a safe point: nothing of it is half done."""


class Unavailable(MemosError):
    """A dependency did not answer. ``dependency`` names it: redis, neo4j, milvus, a model, a provider."""

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(f"{dependency} is unavailable: {message}")
        self.dependency = dependency


class Corrupt(MemosError):
    """Stored bytes failed their check."""
