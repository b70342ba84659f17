"""What the OpenAI SDK takes from the environment for whatever host, kept from hosts that are not OpenAI's."""

from collections.abc import Mapping
from typing import Any, Final, cast

from openai import Omit

from memos.settings import read_secret

# By OPENAI_ORG_ID and OPENAI_PROJECT_ID.
_NAMED: Final = ("OpenAI-Organization", "OpenAI-Project")


def withhold(credential: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Default headers for the SDK: ``own`` over ``credential``, and nothing of OPENAI_CUSTOM_HEADERS and the like."""
    given = {name.lower() for name in own}
    sent = {name: value for name, value in credential.items() if name.lower() not in given} | dict(own)
    dropped = [name for name in (*_NAMED, *_custom_names()) if name not in sent]
    # The SDK leaves out what is Omit, though its type for default headers does not say so.
    return {**cast(Any, dict.fromkeys(dropped, Omit())), **sent}


def _custom_names() -> list[str]:
    lines = (read_secret("OPENAI_CUSTOM_HEADERS") or "").split("\n")
    return [line.partition(":")[0].strip() for line in lines if ":" in line]
