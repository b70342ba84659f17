"""Where an Ollama server is when a configuration does not say."""

from typing import Final

DEFAULT_URL: Final = "http://localhost:11434"
HOST_VARIABLE: Final = "OLLAMA_HOST"


def url_of_host(host: str | None) -> str:
    """The URL that OLLAMA_HOST means: without scheme and port it is Ollama's own port; unset, the default.

    A server that listens on every address is asked on this machine.
    """
    if not host:
        return DEFAULT_URL
    url = host if "://" in host else f"http://{host}"
    if "://" not in host and ":" not in host:
        url += ":11434"
    return url.replace("//0.0.0.0", "//127.0.0.1")
