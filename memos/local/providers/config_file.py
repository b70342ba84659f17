"""A configuration file of whatever kind: read, recognised, and asked which providers it names."""

from pathlib import Path

from memos.configs.files import load_mapping
from memos.errors import InvalidConfig
from memos.local.providers.masking import find_likely_secrets, mask
from memos.local.providers.mentions import Mention, find_mentions
from memos.local.providers.recognise import recognise


def load_mentions(path: Path) -> list[Mention]:
    """The language models and embedders that the file names. Raises InvalidConfig, which shows no secret of it."""
    values = load_mapping(path)
    try:
        return list(find_mentions(recognise(values)))
    except InvalidConfig as error:
        raise InvalidConfig(mask(str(error), list(find_likely_secrets(values)))) from None
