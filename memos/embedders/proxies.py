"""Which proxy the requests to one server go through."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr

from memos.configs.secret import reveal


def choose_proxy(proxies: SecretStr | Mapping[str, SecretStr] | None, url: str) -> str | None:
    """The proxy's URL for requests to ``url``, or None to ask the server itself."""
    if proxies is None or isinstance(proxies, SecretStr):
        return reveal(proxies) if proxies else None
    scheme = urlsplit(url).scheme
    names = (f"{scheme}://", scheme, "all://", "all")
    return next((reveal(proxies[name]) for name in names if name in proxies), None)
