"""A few pages over HTTP, for probes and scrapers: each path is a function that is asked anew at every request.

Served by threads beside the process's own work, with the standard library alone. Nothing is authenticated: bind it to
an address that only probes and scrapers reach.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from memos.errors import InvalidConfig

log = logging.getLogger(__name__)

TEXT: Final = "text/plain; charset=utf-8"
_REQUEST_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a request gets."""

    status: HTTPStatus = HTTPStatus.OK
    body: str = "ok\n"
    content_type: str = TEXT


Routes = Mapping[str, Callable[[], Page]]


class Endpoint:
    """Pages that are being served."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = Thread(
            target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, name="memos-endpoint", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens; of use when port 0 was asked for."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving; harmless when done twice."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def abandon(self) -> None:
        """In a fork, where no thread serves: let go of the port, so that it is free when the owner has gone."""
        self._server.socket.close()


def serve(port: int, host: str, routes: Routes) -> Endpoint:
    """Serve ``routes`` until closed. Port 0 takes any. Raises InvalidConfig when the address cannot be had."""
    try:
        server = _Server((host, port), _build_handler(routes))
    except OSError as error:
        raise InvalidConfig(
            f"no pages can be served at {host}:{port} ({error.strerror or error}); "
            "set MEMOS_METRICS_PORT to a free port and MEMOS_METRICS_HOST to an address of this machine"
        ) from None
    return Endpoint(server)


def probe(find_fault: Callable[[], str | None]) -> Callable[[], Page]:
    """A page for a probe: 200 while there is no fault, else 503 with the fault in words."""

    def answer() -> Page:
        fault = find_fault()
        if fault is None:
            return Page()
        return Page(status=HTTPStatus.SERVICE_UNAVAILABLE, body=f"{fault}\n")

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _build_handler(routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            self._send(with_body=True)

        def do_HEAD(self) -> None:
            self._send(with_body=False)

        def log_message(self, format: str, *args: object) -> None:
            log.debug(format, *args)

        def _send(self, *, with_body: bool) -> None:
            page = find_page(routes, self.path)
            body = page.body.encode()
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return Handler


def find_page(routes: Routes, path: str) -> Page:
    """The page of a path, whatever its query. A function that fails makes a page of its own; nothing is raised."""
    page = routes.get(path.partition("?")[0])
    if page is None:
        known = " ".join(sorted(routes))
        return Page(status=HTTPStatus.NOT_FOUND, body=f"there is no such page; there are: {known}\n")
    try:
        return page()
    except Exception as error:  # an HTTP entry: whoever scrapes must get an answer
        log.exception("page %s failed", path.partition("?")[0])
        return Page(status=HTTPStatus.INTERNAL_SERVER_ERROR, body=f"it failed ({type(error).__name__}); see the log\n")
