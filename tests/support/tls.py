"""TLS in front of a server that has none: a certificate authority of the test's own, and a proxy that ends the TLS."""

import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def why_missing() -> str | None:
    """Why no certificate can be made here, with what to do; None when one can."""
    return None if shutil.which("openssl") else "openssl is not installed (apt-get install openssl)"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority, and what it has signed."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """What clients must trust."""
        return self.directory / "ca.pem"

    @classmethod
    def make(cls, directory: Path) -> "Authority":
        """A new one."""
        directory.mkdir(parents=True, exist_ok=True)
        made = cls(directory=directory)
        usage = ("-addext", "keyUsage=critical,keyCertSign")
        made._openssl("req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test", *usage)
        return made

    def sign(self, name: str, address: str) -> tuple[Path, Path]:
        """A certificate for ``address`` (``IP:127.0.0.1`` or ``DNS:localhost``), and its key."""
        (self.directory / f"{name}.cnf").write_text(
            f"subjectAltName={address}\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n"
            "basicConstraints=critical,CA:FALSE\n",
            encoding="ascii",
        )
        self._openssl("req", *_CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.cnf")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)


class TlsProxy:
    """Listens on loopback with TLS and passes the bytes on to a plain port."""

    def __init__(self, target_port: int, certificate: tuple[Path, Path]) -> None:
        self._target_port = target_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            secure = self._context.wrap_socket(plain, server_side=True)
            target = socket.create_connection(("127.0.0.1", self._target_port))
        except OSError:  # the client refused the certificate
            plain.close()
            return
        Thread(target=_pump, args=(target, secure), daemon=True).start()
        _pump(secure, target)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
