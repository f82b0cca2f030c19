"""An object store of the tests' own: a real server of the protocol, moto's, as a program.

It is found in ``PATH``, listens on loopback, and can be ended and begun again on its port; what
was in it is gone then, as the server keeps everything in memory.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from digipoort_wus.store.object_content import LEFT_OVER, MARKER
from digipoort_wus.store.object_place import ObjectPlace

BUCKET = "filings"
SECRETS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# The server wants to be told of a key, and looks at it no further.
ALLOWED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}


@dataclass(frozen=True)
class Server:
    """One bucket, as its other clients see it."""

    url: str

    def place(self, prefix: str = "", bucket: str = BUCKET) -> ObjectPlace:
        return ObjectPlace(bucket, prefix, self.url, "us-east-1", unsafe_http="a test")

    def toml(self) -> str:
        return (
            f'[store.objects]\nbucket = "{BUCKET}"\nregion = "us-east-1"\n'
            f'endpoint = "{self.url}"\nunsafe_http = "a test"\n'
        )

    def names(self) -> list[str]:
        """Return the names of all objects but the marker, and what is marked."""
        listing = requests.get(f"{self.url}/{BUCKET}?list-type=2", timeout=10).text
        names = (part.partition("</Key>")[0] for part in listing.split("<Key>")[1:])
        return [name for name in names if not (name.endswith(MARKER) or LEFT_OVER in name)]

    def get(self, name: str) -> bytes:
        answer = requests.get(f"{self.url}/{BUCKET}/{name}", headers=ALLOWED, timeout=10)
        answer.raise_for_status()
        return answer.content

    def put(self, name: str, content: bytes) -> None:
        url = f"{self.url}/{BUCKET}/{name}"
        requests.put(url, data=content, headers=ALLOWED, timeout=10).raise_for_status()

    def delete(self, name: str) -> None:
        url = f"{self.url}/{BUCKET}/{name}"
        requests.delete(url, headers=ALLOWED, timeout=10).raise_for_status()

    def empty(self) -> None:
        """Forget everything, and make the bucket."""
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()
        requests.put(f"{self.url}/{BUCKET}", timeout=10).raise_for_status()


class Line:
    """The way to a server, which can be cut: then nobody is reached, and nothing is lost."""

    def __init__(self, server: Server) -> None:
        self.port = free_port()
        self.server = replace(server, url=f"http://127.0.0.1:{self.port}")
        self._far = int(server.url.rpartition(":")[2])
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.mend()

    def cut(self) -> None:
        """Close every connection, and take none."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            # Whom it has just let in is cut off, too.
            self._threads.pop(0).join(10)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()
        self._open.clear()

    def mend(self) -> None:
        """Take connections again."""
        listening = self._listening = socket.create_server(("127.0.0.1", self.port))
        self._begin(self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near = listening.accept()[0]
                try:
                    far = socket.create_connection(("127.0.0.1", self._far))
                except BaseException:
                    near.close()
                    raise
                self._open += [near, far]
                self._begin(self._carry, near, far)
                self._begin(self._carry, far, near)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        # The two directions end together, and each closes what it reads from.
        with source, suppress(OSError):
            while octets := source.recv(65_536):
                target.sendall(octets)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _begin(self, work: Callable[..., None], *values: socket.socket) -> None:
        thread = threading.Thread(target=work, args=values, daemon=True)
        self._threads.append(thread)
        thread.start()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def moto_server(folder: Path, port: int = 0) -> Iterator[Server]:
    """Run a server with an empty bucket."""
    from tests.conftest import need

    need(
        "obstore",
        found=importlib.util.find_spec("obstore") is not None,
        install="pip install 'digipoort-wus[s3]'",
    )
    program = shutil.which("moto_server")
    need(
        "moto_server",
        found=program is not None,
        install="pip install 'moto[s3]' flask flask-cors, in an environment of its own",
    )
    port = port or free_port()
    log = folder / "moto.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(program), "-H", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=out,
            # Nothing of it is to ask for addresses of a cloud.
            env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                requests.get(url, timeout=1)
                break
            except requests.RequestException:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        server = Server(url)
        server.empty()
        yield server
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give one server for all tests that leave it running."""
    with moto_server(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def bucket(moto: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Give an empty bucket, and the credentials for it."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    moto.empty()
    return moto
