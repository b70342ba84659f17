"""What a reader's configuration changes, by each of the two ways from a configuration to a reader."""

from collections.abc import Callable

import pytest

from memos.configs.mem_reader import MemReaderConfigFactory, SimpleStructMemReaderConfig
from memos.mem_reader.base import Reader
from memos.mem_reader.simple_struct import SimpleStructMemReader
from memos.settings import Settings
from memos.wiring import open_reader
from tests.support.openai_server import answer, serving
from tests.unit.mem_reader.conversations import conversation, message

OPENERS: dict[str, Callable[[SimpleStructMemReaderConfig], Reader]] = {
    "of the reader": SimpleStructMemReader,
    "of MOS": lambda config: open_reader(MemReaderConfigFactory(backend="simple_struct", config=config), Settings()),
}


@pytest.mark.parametrize("open_configured", OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize(("max_chars", "calls"), [(1000, 3), (12_000, 1)])
def test_a_call_holds_as_much_as_configured(
    open_configured: Callable[[SimpleStructMemReaderConfig], Reader], max_chars: int, calls: int
) -> None:
    with serving() as server:
        server.replies = [answer('{"facts": []}')]
        llm = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": server.url}}
        config = SimpleStructMemReaderConfig.model_validate({"llm": llm, "max_chars": max_chars})
        assert open_configured(config).read([conversation(message("a" * 2500))]) == [[]]
        assert len(server.requests) == calls
        assert {request["model"] for request in server.requests} == {"m"}
