"""A Milvus that refuses the token. The embedded one knows no passwords, so a real gRPC server does the refusing."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from memos.errors import Unavailable
from memos.settings import Settings
from memos.vec_dbs.factory import build_index


class _Refusal(grpc.GenericRpcHandler):
    """Answers every call as Milvus answers a wrong token, and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def service(self, handler_call_details: Any) -> Any:
        self.shown += [value for name, value in handler_call_details.invocation_metadata if name == "authorization"]

        def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture
def refusal() -> _Refusal:
    return _Refusal()


@pytest.fixture
def refusing(refusal: _Refusal) -> Iterator[Settings]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=[refusal])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Settings(milvus_url=f"http://127.0.0.1:{port}", milvus_token=SecretStr("root:mistaken"))
    server.stop(grace=None).wait()


@pytest.mark.parametrize("call", [lambda index: index.ping(), lambda index: index.ensure(dimension=2, model="m")])
def test_a_wrong_token_is_said_to_be_one_and_not_shown(refusing: Settings, call: Callable[[Any], object]) -> None:
    index = build_index(refusing)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"password|token") as refused:
        call(index)
    assert time.monotonic() - began < 5
    assert refused.value.dependency == "milvus"
    assert "mistaken" not in str(refused.value)
    index.close()


def test_the_token_is_shown_to_the_server(refusing: Settings, refusal: _Refusal) -> None:
    index = build_index(refusing)
    with pytest.raises(Unavailable):
        index.ping()
    assert b64encode(b"root:mistaken").decode() in refusal.shown
    index.close()
