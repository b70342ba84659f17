"""No secret in what the doctor says: found in configurations and files, struck out of texts; pure but for variables."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, cast

from pydantic import BaseModel, SecretStr

from memos.configs.secret import REFERENCE_PREFIX
from memos.settings import read_secret

MASK: Final = "**********"
_LOGIN: Final = re.compile(r"://[^/\s]*@")
# A shorter one would strike out parts of words, and is none.
_SHORTEST: Final = 4
_SECRET_NAMES: Final = ("key", "token", "secret", "password", "headers", "proxies", "credentials", "account_json")


def mask(text: str, secrets: Collection[str]) -> str:
    """The text without the secrets, and without the logins of URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK) if len(secret) >= _SHORTEST else text
    return _LOGIN.sub(f"://{MASK}@", text)


def find_secrets(value: object) -> Iterator[str]:
    """The secrets of a checked configuration, those that it refers to included."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        is_reference = secret.startswith(REFERENCE_PREFIX)
        yield (read_secret(secret.removeprefix(REFERENCE_PREFIX)) or "") if is_reference else secret
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from find_secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in cast(Mapping[Any, object], value).values():
            yield from find_secrets(item)


def find_likely_secrets(value: object, *, is_secret: bool = False) -> Iterator[str]:
    """The texts of an unchecked, finite mapping that stand under a name like ``apiKey``."""
    if isinstance(value, str) and is_secret and not value.startswith(REFERENCE_PREFIX):
        yield value
    elif isinstance(value, Mapping):
        for name, item in cast(Mapping[str, object], value).items():
            yield from find_likely_secrets(item, is_secret=is_secret or name.lower().endswith(_SECRET_NAMES))
    elif isinstance(value, list):
        for item in cast(list[object], value):
            yield from find_likely_secrets(item, is_secret=is_secret)
