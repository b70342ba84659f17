"""From a configuration to a Google access token. Needs the packages of memos[google]."""

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import google.auth
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from requests import Session

from memos.configs.embedder import VertexAIEmbedderConfig
from memos.configs.llm import Home
from memos.configs.secret import reveal
from memos.embedders.proxies import choose_proxy
from memos.errors import InvalidConfig
from memos.settings import read_secret

_SCOPES: Final = ["https://www.googleapis.com/auth/cloud-platform"]
_GOOGLE: Final = Home(url="https://aiplatform.googleapis.com", hosts=("googleapis.com",))
_VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"


class GoogleCredentials:
    """Credentials and the project they are used for. Thread-safe."""

    def __init__(self, inner: Credentials, *, project: str, session: Session, timeout_s: float) -> None:
        self.inner = inner
        self.project = project
        self._transport = partial(cast(Callable[..., Any], Request(session=session)), timeout=timeout_s)
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Have a valid access token. The SDK would fetch it as well, with a time-out of two minutes."""
        with self._lock:
            if not self.inner.valid:
                cast(Any, self.inner).refresh(self._transport)


def load_credentials(config: VertexAIEmbedderConfig) -> GoogleCredentials:
    """The configured credentials, else those of the environment. Raises InvalidConfig."""
    try:
        inner, project = _load(config)
    except (GoogleAuthError, ValueError) as error:
        what = f"vertexai embedder: no usable credentials ({str(error)[:200]})"
        raise InvalidConfig(f"{what}; give vertex_credentials_json or set {_VARIABLE}") from error
    project = config.google_project_id or project or read_secret("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise InvalidConfig("vertexai embedder: the credentials name no project; give google_project_id")
    return GoogleCredentials(inner, project=project, session=_open_session(config), timeout_s=config.timeout_s)


def _open_session(config: VertexAIEmbedderConfig) -> Session:
    session = Session()
    if proxy := choose_proxy(config.http_client_proxies, "https://"):
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _load(config: VertexAIEmbedderConfig) -> tuple[Credentials, str | None]:
    if config.google_service_account_json is not None:
        return _from_text(reveal(config.google_service_account_json))
    if config.vertex_credentials_json:
        return _from_text(_read(config.vertex_credentials_json))
    if config.base_url is not None and not _GOOGLE.owns(config.base_url):
        raise InvalidConfig(
            f"vertexai embedder: {config.base_url} is not Google's, so that the environment's credentials do not go "
            "there; give vertex_credentials_json, google_service_account_json or api_key"
        )
    return _from_environment()


def _from_environment() -> tuple[Credentials, str | None]:
    if path := read_secret(_VARIABLE):
        return _from_text(_read(path))
    return cast(tuple[Credentials, str | None], google.auth.default(scopes=_SCOPES))


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidConfig(f"vertexai embedder: cannot read {path}: {error.strerror}") from error


def _from_text(text: str) -> tuple[Credentials, str | None]:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise InvalidConfig("vertexai embedder: the credentials are no JSON object")
    if cast(dict[str, Any], fields).get("type") == "service_account":
        return _from_service_account(cast(dict[str, Any], fields))
    return cast(tuple[Credentials, str | None], google.auth.load_credentials_from_dict(fields, scopes=_SCOPES))


def _from_service_account(fields: dict[str, Any]) -> tuple[Credentials, str | None]:
    from google.oauth2 import service_account

    loaded = cast(Any, service_account.Credentials).from_service_account_info(fields, scopes=_SCOPES)
    return cast(Credentials, loaded), fields.get("project_id")
