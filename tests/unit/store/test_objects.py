"""Against a real server of the protocol: moto's, started as a program of its own."""

import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.store import objects as module
from digipoort_wus.store.objects import ObjectPlace, PayloadObjects, open_objects
from digipoort_wus.store.sealed import sealed_size
from digipoort_wus.store.values import PayloadDamaged, StoreFailed
from tests.conftest import need

CONTENT = b"inhoud" * 50_000
KEY, OTHER_KEY = bytes(32), b"\1" * 32
BUCKET = "filings"
# The server wants to be told of a key, and looks at it no further.
ALLOWED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}


@dataclass(frozen=True)
class Server:
    """One bucket, as its other clients see it."""

    url: str

    def place(self, prefix: str = "", bucket: str = BUCKET) -> ObjectPlace:
        return ObjectPlace(bucket, prefix, self.url, "us-east-1")

    def names(self) -> list[str]:
        listing = requests.get(f"{self.url}/{BUCKET}?list-type=2", timeout=10).text
        return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]

    def get(self, name: str) -> bytes:
        answer = requests.get(f"{self.url}/{BUCKET}/{name}", headers=ALLOWED, timeout=10)
        answer.raise_for_status()
        return answer.content

    def put(self, name: str, content: bytes) -> None:
        url = f"{self.url}/{BUCKET}/{name}"
        requests.put(url, data=content, headers=ALLOWED, timeout=10).raise_for_status()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), "-H", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=out,
            # Nothing of it is to ask for addresses of a cloud.
            env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                requests.get(url, timeout=1)
                break
            except requests.ConnectionError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def server(moto: str, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    requests.post(f"{moto}/moto-api/reset", timeout=10).raise_for_status()
    requests.put(f"{moto}/{BUCKET}", timeout=10).raise_for_status()
    return Server(moto)


@pytest.fixture
def objects(server: Server, tmp_path: Path) -> PayloadObjects:
    return open_objects(server.place(), tmp_path)


def test_a_payload_is_kept_under_the_hash_of_what_is_stored(
    objects: PayloadObjects, server: Server
) -> None:
    kept = objects.keep(CONTENT, KEY)
    (name,) = server.names()
    stored = server.get(name)
    digest = kept.sha256.hex()
    assert name == f"{digest[:2]}/{digest[2:4]}/{digest}"
    assert hashlib.sha256(stored).hexdigest() == digest
    assert len(stored) == sealed_size(kept.size) == sealed_size(len(CONTENT))
    assert b"inhoud" not in stored


def test_a_payload_comes_back(objects: PayloadObjects, tmp_path: Path) -> None:
    kept = objects.keep(CONTENT, KEY)
    found = objects.open(kept.sha256, kept.size, KEY)
    assert found.size == len(CONTENT)
    assert read_content(found) == CONTENT
    with found.open() as file:
        file.seek(6)
        assert file.read(6) == b"inhoud"
        assert list(tmp_path.iterdir()) == []
    assert repr(KEY) not in repr(found)


def test_names_may_have_a_beginning(server: Server, tmp_path: Path) -> None:
    objects = open_objects(server.place("one/gateway"), tmp_path)
    kept = objects.keep(CONTENT, KEY)
    (name,) = server.names()
    assert name.startswith(f"one/gateway/{kept.sha256.hex()[:2]}/")
    assert objects.open(kept.sha256, kept.size, KEY).read() == CONTENT


def test_a_handle_can_be_kept_in_its_turn(objects: PayloadObjects) -> None:
    first = objects.keep(CONTENT, KEY)
    again = objects.keep(objects.open(first.sha256, first.size, KEY), OTHER_KEY)
    assert objects.open(again.sha256, again.size, OTHER_KEY).read() == CONTENT


def test_a_name_is_never_given_to_other_octets(
    objects: PayloadObjects, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda size: bytes(size))
    first = objects.keep(CONTENT, KEY)
    (name,) = server.names()
    server.put(name, b"other")
    assert objects.keep(CONTENT, KEY) == first
    assert server.get(name) == b"other"


@pytest.mark.parametrize("damage", ["changed", "cut", "emptied"])
def test_damage_is_noticed_before_anything_is_yielded(
    objects: PayloadObjects, server: Server, damage: str
) -> None:
    kept = objects.keep(CONTENT, KEY)
    (name,) = server.names()
    stored = server.get(name)
    changed = {"changed": stored[:-1] + b"\0", "cut": stored[:-1], "emptied": b""}[damage]
    server.put(name, changed if changed != stored else stored[:-1] + b"\1")
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        objects.open(kept.sha256, kept.size, KEY).open()
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        objects.check(kept.sha256)


def test_another_key_is_noticed(objects: PayloadObjects) -> None:
    kept = objects.keep(CONTENT, KEY)
    objects.check(kept.sha256)
    with pytest.raises(PayloadDamaged):
        objects.open(kept.sha256, kept.size, OTHER_KEY).read()
    with pytest.raises(PayloadDamaged):
        objects.open(kept.sha256, kept.size + 1, KEY).open()


def test_what_is_missing_is_noticed(objects: PayloadObjects) -> None:
    kept = objects.keep(CONTENT, KEY)
    found = objects.open(kept.sha256, kept.size, KEY)
    objects.remove(kept.sha256)
    objects.remove(kept.sha256)
    with pytest.raises(PayloadDamaged, match="missing"):
        objects.open(kept.sha256, kept.size, KEY)
    with pytest.raises(PayloadDamaged, match="missing"):
        found.read()
    with pytest.raises(PayloadDamaged, match="never sealed"):
        objects.open(kept.sha256, kept.size, None)


def test_what_is_held_is_not_removed(objects: PayloadObjects, server: Server) -> None:
    digest = objects.hold(CONTENT, KEY).sha256
    objects.remove(digest)
    assert len(server.names()) == 1
    objects.release(digest)
    objects.remove(digest)
    assert server.names() == []


def test_a_sweep_takes_what_is_old_and_not_referred_to(
    objects: PayloadObjects, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [objects.keep(CONTENT, KEY).sha256 for _ in range(8)]
    server.put("zz/README", b"")
    referred = frozenset(digests[:3])
    assert objects.sweep(referred.__contains__) == 0
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert objects.sweep(referred.__contains__) == 5
    assert {name.rpartition("/")[2] for name in server.names()} == {
        *(digest.hex() for digest in referred),
        "README",
    }


def test_a_sweep_looks_at_so_many_objects_and_in_the_end_at_all(
    objects: PayloadObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        objects.keep(CONTENT, KEY)
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    monkeypatch.setattr(module, "SWEPT_AT_ONCE", 2)
    assert [objects.sweep(lambda _: False) for _ in range(4)] == [2, 2, 1, 0]


def test_a_store_that_does_not_answer_is_a_failed_store(server: Server, tmp_path: Path) -> None:
    objects = open_objects(Server(f"http://127.0.0.1:{free_port()}").place(), tmp_path)
    for attempt in (
        lambda: objects.hold(CONTENT, KEY),
        lambda: objects.open(bytes(32), 1, KEY),
        lambda: objects.check(bytes(32)),
        lambda: objects.remove(bytes(32)),
        lambda: objects.sweep(lambda _: False),
    ):
        with pytest.raises(StoreFailed, match="the object store did not"):
            attempt()
    assert not objects._held
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_a_failed_store(server: Server, tmp_path: Path) -> None:
    objects = open_objects(server.place(bucket="elsewhere"), tmp_path)
    with pytest.raises(StoreFailed, match="did not store"):
        objects.keep(CONTENT, KEY)


def test_settings_that_do_not_fit(moto: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        open_objects(ObjectPlace(BUCKET, "one//../gateway", endpoint=moto), tmp_path)


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    with pytest.raises(ConfigurationError, match="need the extra s3"):
        open_objects(ObjectPlace(BUCKET), tmp_path)


def test_reading_takes_no_memory_for_all(objects: PayloadObjects) -> None:
    kept = objects.keep(os.urandom(20 * 1024 * 1024), KEY)
    tracemalloc.start()
    try:
        with objects.open(kept.sha256, kept.size, KEY).open() as file:
            total = sum(len(piece) for piece in iter(lambda: file.read(65_536), b""))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == kept.size
    assert peak < 4_000_000
