"""Our errors as mem0's users expect them: where mem0 raises ValueError, ``except ValueError`` goes on working."""

from collections.abc import Generator
from contextlib import contextmanager

from memos.errors import InvalidConfig, InvalidRequest, NotFound


class RequestRefused(InvalidRequest, ValueError):
    """The arguments can never succeed as they are."""


class ConfigRefused(InvalidConfig, ValueError):
    """The configuration is wrong; the message names the field and the allowed values."""


class MemoryMissing(NotFound, ValueError):
    """There is no memory of that id."""


@contextmanager
def in_mem0s_terms() -> Generator[None]:
    """Raise InvalidRequest, InvalidConfig and NotFound as ValueErrors too; a decorator as well."""
    try:
        yield
    except ValueError:
        raise
    except InvalidConfig as error:
        raise ConfigRefused(str(error)) from error
    except InvalidRequest as error:
        raise RequestRefused(str(error)) from error
    except NotFound as error:
        raise MemoryMissing(str(error)) from error
