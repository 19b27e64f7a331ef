"""A certificate that nobody vouches for ends the call before anything is said."""

import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paper_trading.services.sources.live.base import Reason, Request, SourceFailure
from paper_trading.services.sources.live.http import HttpClient
from tests.services.sources.conftest import Clock
from tests.upstream import Upstream

OPENSSL = shutil.which("openssl")
PATH_KEY = "path-key-0123456789abcdef"


class SelfSigned:
    """Speaks TLS with a certificate of its own making; `heard` is what clients said within it."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End the server, which waits for a connection."""
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            try:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self.heard.append(secure.recv(100))
            except OSError:
                return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SelfSigned]:
    if OPENSSL is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    made = SelfSigned(certificate, key)
    yield made
    made.close()


def test_a_certificate_of_nobody_is_refused(server: SelfSigned, clock: Clock) -> None:
    client = HttpClient(clock, allow_private=True)
    wanted = Request(f"https://127.0.0.1:{server.port}/{PATH_KEY}", "x", ())
    with pytest.raises(SourceFailure) as caught:
        client.get(wanted)
    client.close()
    assert caught.value.reason is Reason.NOT_TLS
    assert PATH_KEY not in str(caught.value)
    assert server.heard == []


def test_a_key_in_a_path_is_in_no_log(
    upstream: Upstream, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = HttpClient(clock, allow_private=True)
    with pytest.raises(SourceFailure):
        client.get(Request(f"{upstream.url('rpc')}/{PATH_KEY}", "x", (), method="POST", json=[]))
    client.close()
    assert upstream.count("rpc") == 1
    assert PATH_KEY not in caplog.text
