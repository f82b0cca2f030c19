"""Against a real server of the protocol: moto's, started as a program of its own."""

import hashlib
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.store import objects as module
from digipoort_wus.store import reachable
from digipoort_wus.store.object_content import MARKER
from digipoort_wus.store.object_place import ObjectPlace
from digipoort_wus.store.objects import PayloadObjects, open_objects
from digipoort_wus.store.sealed import sealed_size
from digipoort_wus.store.values import PayloadDamaged, PayloadsUnreachable, StoreFailed
from tests.moto import BUCKET, Line, Server, free_port

CONTENT = b"inhoud" * 50_000
KEY, OTHER_KEY = bytes(32), b"\1" * 32


@pytest.fixture
def objects(bucket: Server, tmp_path: Path) -> PayloadObjects:
    return open_objects(bucket.place(), tmp_path)


def test_a_payload_is_kept_under_the_hash_of_what_is_stored(
    objects: PayloadObjects, bucket: Server
) -> None:
    kept = objects.keep(CONTENT, KEY)
    (name,) = bucket.names()
    stored = bucket.get(name)
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


def test_names_may_have_a_beginning(bucket: Server, tmp_path: Path) -> None:
    objects = open_objects(bucket.place("one/gateway"), tmp_path)
    kept = objects.keep(CONTENT, KEY)
    (name,) = bucket.names()
    assert name.startswith(f"one/gateway/{kept.sha256.hex()[:2]}/")
    assert objects.open(kept.sha256, kept.size, KEY).read() == CONTENT


def test_a_handle_can_be_kept_in_its_turn(objects: PayloadObjects) -> None:
    first = objects.keep(CONTENT, KEY)
    again = objects.keep(objects.open(first.sha256, first.size, KEY), OTHER_KEY)
    assert objects.open(again.sha256, again.size, OTHER_KEY).read() == CONTENT


def test_a_name_is_never_given_to_other_octets(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda size: bytes(size))
    first = objects.keep(CONTENT, KEY)
    (name,) = bucket.names()
    bucket.put(name, b"other")
    assert objects.keep(CONTENT, KEY) == first
    assert bucket.get(name) == b"other"


@pytest.mark.parametrize("damage", ["changed", "cut", "emptied"])
def test_damage_is_noticed_before_anything_is_yielded(
    objects: PayloadObjects, bucket: Server, damage: str
) -> None:
    kept = objects.keep(CONTENT, KEY)
    (name,) = bucket.names()
    stored = bucket.get(name)
    changed = {"changed": stored[:-1] + b"\0", "cut": stored[:-1], "emptied": b""}[damage]
    bucket.put(name, changed if changed != stored else stored[:-1] + b"\1")
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
    assert objects.is_missing(kept.sha256)
    with pytest.raises(PayloadDamaged, match="missing"):
        found.read()
    with pytest.raises(PayloadDamaged, match="missing"):
        objects.check(kept.sha256)
    with pytest.raises(PayloadDamaged, match="never sealed"):
        objects.open(kept.sha256, kept.size, None)


def test_what_is_held_is_not_removed(objects: PayloadObjects, bucket: Server) -> None:
    digest = objects.hold(CONTENT, KEY).sha256
    objects.remove(digest)
    assert len(bucket.names()) == 1
    objects.release(digest)
    objects.remove(digest)
    assert bucket.names() == []


def test_a_sweep_takes_what_is_old_and_not_referred_to(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [objects.keep(CONTENT, KEY).sha256 for _ in range(8)]
    bucket.put("zz/README", b"")
    referred = frozenset(digests[:3])
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    assert [objects.sweep(referred.__contains__) for _ in range(2)] == [0, 0]
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert [objects.sweep(referred.__contains__) for _ in range(3)] == [0, 5, 0]
    assert {name.rpartition("/")[2] for name in bucket.names()} == {
        *(digest.hex() for digest in referred),
        "README",
    }


def test_a_sweep_looks_at_so_many_objects_and_in_the_end_at_all(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        objects.keep(CONTENT, KEY)
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    monkeypatch.setattr(module, "SWEPT_AT_ONCE", 2)
    assert sum(objects.sweep(lambda _: False) for _ in range(8)) == 5
    assert bucket.names() == []


def test_a_store_that_does_not_answer_is_a_failed_store(bucket: Server, tmp_path: Path) -> None:
    objects = open_objects(Server(f"http://127.0.0.1:{free_port()}").place(), tmp_path)
    for attempt in (
        lambda: objects.hold(CONTENT, KEY),
        lambda: objects.open(bytes(32), 1, KEY).open(),
        lambda: objects.check(bytes(32)),
        lambda: objects.remove(bytes(32)),
        lambda: objects.sweep(lambda _: False),
    ):
        with pytest.raises(StoreFailed, match="the object store did not"):
            attempt()
    assert not objects._held
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_a_failed_store(bucket: Server, tmp_path: Path) -> None:
    objects = open_objects(bucket.place(bucket="elsewhere"), tmp_path)
    with pytest.raises(StoreFailed, match="the object store did not"):
        objects.keep(CONTENT, KEY)


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        open_objects(ObjectPlace(BUCKET, "one//../gateway", "https://localhost"), tmp_path)


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    with pytest.raises(ConfigurationError, match=r"install digipoort-wus\[s3\]"):
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


@pytest.fixture
def line(bucket: Server) -> Iterator[Line]:
    """Give a way to the bucket that can be cut."""
    made = Line(bucket)
    yield made
    made.cut()


def test_who_asks_again_soon_is_told_at_once_and_later_it_answers(
    line: Line, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = open_objects(line.server.place(), tmp_path)
    kept = objects.keep(CONTENT, KEY)
    line.cut()
    with pytest.raises(PayloadsUnreachable, match="did not read"):
        objects.check(kept.sha256)
    assert "did not read" in objects.failed
    with pytest.raises(PayloadsUnreachable, match="a moment ago"):
        objects.keep(CONTENT, KEY)
    assert not objects.is_missing(kept.sha256)
    line.mend()
    monkeypatch.setattr(reachable, "AGAIN_AFTER", 0.0)
    objects._reachable._next_try = 0.0
    objects.look()
    assert objects.failed == ""
    assert objects.open(kept.sha256, kept.size, KEY).read() == CONTENT
    told = [record.__dict__.get("event") for record in caplog.records]
    assert told == ["objects-down", "objects-up"]


def test_what_is_asked_of_a_bucket_that_went_is_not_taken_for_missing(
    objects: PayloadObjects, bucket: Server
) -> None:
    kept = objects.keep(CONTENT, KEY)
    for name in [*bucket.names(), MARKER]:
        bucket.delete(name)
    with pytest.raises(PayloadsUnreachable, match="did not read"):
        objects.check(kept.sha256)


def test_objects_of_another_key_ring_are_left_alone(
    objects: PayloadObjects, bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    objects.belong_to({"aaaaaaaa"})
    objects.keep(CONTENT, KEY)
    other = open_objects(bucket.place(), tmp_path)
    with pytest.raises(ConfigurationError, match="another gateway's"):
        other.belong_to({"bbbbbbbb"})
    for attempt in (lambda: other.keep(CONTENT, KEY), lambda: other.sweep(lambda _: False)):
        with pytest.raises(ConfigurationError, match="another gateway's"):
            attempt()
    assert len(bucket.names()) == 1


def test_a_key_ring_may_get_new_keys_and_lose_old_ones(bucket: Server, tmp_path: Path) -> None:
    for rings in ({"a"}, {"a", "b"}, {"b"}, {"b", "c"}, {"c"}):
        open_objects(bucket.place(), tmp_path).belong_to(rings)
    assert bucket.get(MARKER).split() == [b"a", b"b", b"c"]


def test_another_prefix_is_another_place(bucket: Server, tmp_path: Path) -> None:
    open_objects(bucket.place("one"), tmp_path).belong_to({"a"})
    open_objects(bucket.place("two"), tmp_path).belong_to({"b"})


def test_ages_are_counted_by_the_clock_of_the_object_store(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway whose clock is years ahead takes nothing for old."""
    objects.keep(CONTENT, KEY)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert objects.sweep(lambda _: False) == 0
    assert len(bucket.names()) == 1


def test_what_is_left_over_is_marked_and_stays_for_a_week(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.keep(CONTENT, KEY)
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert [objects.sweep(lambda _: False) for _ in range(3)] == [0, 0, 0]
    # The right database is back: the mark goes, and another week begins with the next.
    assert objects.sweep(lambda _: True) == 0
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    assert objects.sweep(lambda _: False) == 0
    assert len(bucket.names()) == 1
    assert objects.sweep(lambda _: False) == 1


def test_objects_of_another_database_are_left_alone(
    objects: PayloadObjects, bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.belong_to({"a"}, "one")
    kept = objects.keep(CONTENT, KEY)
    other = open_objects(bucket.place(), tmp_path)
    with pytest.raises(ConfigurationError, match="another database"):
        other.belong_to({"a"}, "two")
    for attempt in (lambda: other.keep(CONTENT, KEY), lambda: other.sweep(lambda _: False)):
        with pytest.raises(ConfigurationError, match="another database"):
            attempt()
    bucket.delete(MARKER)
    with pytest.raises(ConfigurationError, match="not the payloads of this database"):
        other.belong_to({"a"}, "two")
    open_objects(bucket.place(), tmp_path).belong_to({"a"}, "one", [bytes(32), kept.sha256])
    assert bucket.get(MARKER).split() == [b"store=one", b"a"]


def test_a_bucket_in_which_nothing_is_of_what_was_stored_is_refused(
    bucket: Server, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="name the right bucket"):
        open_objects(bucket.place("elsewhere"), tmp_path).belong_to({"a"}, "one", [bytes(32)])


def test_a_sweep_ends_when_it_is_told_to(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.keep(CONTENT, KEY)
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert objects.sweep(lambda _: False, lambda: True) == 0
    assert len(bucket.names()) == 1


def test_what_stands_elsewhere_under_such_a_name_is_not_swept(
    objects: PayloadObjects, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(f"copies/{'ab' * 32}", b"")
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert objects.sweep(lambda _: False) == 0
    assert bucket.names() == [f"copies/{'ab' * 32}"]


def test_a_full_disk_of_ours_is_not_the_object_store_s(
    objects: PayloadObjects, bucket: Server, tmp_path: Path
) -> None:
    kept = objects.keep(CONTENT, KEY)
    gone = open_objects(bucket.place(), tmp_path / "none")
    with pytest.raises(StoreFailed, match="nothing can be written") as raised:
        gone.check(kept.sha256)
    assert not isinstance(raised.value, PayloadsUnreachable)
    assert gone.failed == ""


def test_a_secret_key_comes_from_its_file(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "secret").write_text("geheim\n")
    place = ObjectPlace(
        BUCKET,
        endpoint=bucket.url,
        region="us-east-1",
        access_key_id="test",
        secret_key_file=tmp_path / "secret",
        unsafe_http="a test",
    )
    assert "geheim" not in repr(place)
    objects = open_objects(place, tmp_path)
    assert objects.open(objects.keep(CONTENT, KEY).sha256, len(CONTENT), KEY).read() == CONTENT
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigurationError, match=r"secret_key_file: .* cannot be read"):
        open_objects(place, tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bucket": ""}, "bucket is the name"),
        ({"bucket": "a/b"}, "bucket is the name"),
        ({"endpoint": "http://localhost"}, "is plain http"),
        ({"endpoint": "http://localhost", "unsafe_http": "  "}, "is plain http"),
        ({"endpoint": "https://me:secret@localhost"}, "has a user name in it"),
        ({"endpoint": "localhost:9000"}, "is a URL such as"),
        ({"access_key_id": "x"}, "go together"),
        ({"secret_key_file": Path("x")}, "go together"),
    ],
)
def test_what_does_not_fit_is_one_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        ObjectPlace(**{"bucket": BUCKET, **settings})
    assert "secret@" not in str(raised.value)


def test_the_environment_does_not_allow_http(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
    objects = open_objects(ObjectPlace(BUCKET, region="us-east-1"), tmp_path)
    with pytest.raises(PayloadsUnreachable):
        objects.keep(CONTENT, KEY)
    assert bucket.names() == []
