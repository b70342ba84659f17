"""Keys and passwords in a configuration: given as they are, or as a reference to an environment variable.

A reference, ``env:NAME``, is resolved only when the secret is used. It is written out as it stands; a secret given
as it is gets masked, and the mask is refused when it is read back.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, PlainSerializer, SecretStr

from memos.errors import InvalidConfig
from memos.settings import read_secret

REFERENCE_PREFIX: Final = "env:"
_MASK: Final = str(SecretStr("x"))


def reveal(secret: SecretStr) -> str:
    """The secret itself. Raises InvalidConfig when it refers to a variable that is not set."""
    value = secret.get_secret_value()
    if not value.startswith(REFERENCE_PREFIX):
        return value
    name = value.removeprefix(REFERENCE_PREFIX)
    found = read_secret(name)
    if found is None:
        raise InvalidConfig(f"the environment variable {name} is not set; a configuration refers to it as {value!r}")
    return found


def _refuse_mask(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() == _MASK:
        raise ValueError("this is the mask of a secret that was not written out; give the secret or env:NAME")
    return secret


def _write(secret: SecretStr) -> str:
    value = secret.get_secret_value()
    return value if value.startswith(REFERENCE_PREFIX) else str(secret)


Secret = Annotated[SecretStr, AfterValidator(_refuse_mask), PlainSerializer(_write, return_type=str)]
"""The type of a configuration's secret field; read it with ``reveal``."""
