"""Fetching CRLs from a web server that gives what a web server may give."""

import socket
import stat
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from digipoort_wus import limits
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki import profiles
from digipoort_wus.pki.distribution import file_name_of
from digipoort_wus.pki.identity import load_crls
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.crls import (
    CrlFetch,
    CrlRefresh,
    CrlSources,
    CrlUnavailable,
    Pace,
    keep_crl,
)
from digipoort_wus.server.trust import Materials
from tests.crl_server import (
    CrlServer,
    Give,
    crl_of,
    crl_server,
    der,
    endless,
    endless_head,
    give,
)
from tests.messages import NOW

DAY = timedelta(days=1)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def web() -> Iterator[CrlServer]:
    with crl_server() as server:
        yield server


# --- One fetch ---------------------------------------------------------------------


def test_a_list_is_fetched(web: CrlServer) -> None:
    web.pages["a.crl?b=c"] = b"octets"
    assert CrlFetch()(web.url("a.crl?b=c")) == b"octets"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (give(b"", 404), "answered 404"),
        (give(b"", 302, Location="http://127.0.0.1:1/"), "answered 302"),
        (give(b"x" * 10, Content_Length="100"), "90 bytes before its end"),
        (give(b"\x00" * 1_001), "more than 1000 bytes"),
        (endless(b"x" * 4_096), "more than 1000 bytes"),
        (endless(b"x", 0.05), "nothing complete within 0.5 s"),
        (endless_head, "nothing complete within 0.5 s"),
        (lambda request: time.sleep(2), "nothing complete within 0.5 s"),
    ],
    ids=["404", "redirect", "cut", "large", "endless", "slow", "slow head", "silent"],
)
def test_what_is_not_taken(
    web: CrlServer, monkeypatch: pytest.MonkeyPatch, page: Give, words: str
) -> None:
    monkeypatch.setattr(limits, "CRL_MAX_BYTES", 1_000)
    web.pages["a.crl"] = page
    began = time.monotonic()
    with pytest.raises(CrlUnavailable, match=words):
        CrlFetch(deadline=0.5)(web.url("a.crl"))
    assert time.monotonic() - began < 1.5
    assert web.asked == ["/a.crl"]


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(CrlUnavailable, match="refused"):
            CrlFetch()(f"http://127.0.0.1:{port}/a.crl")


def test_only_the_configured_proxy_is_asked(
    web: CrlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url(""))
    with pytest.raises(CrlUnavailable):
        CrlFetch()("http://127.0.0.1:1/a.crl")
    assert web.asked == []
    web.pages["http://crl.example.nl/a.crl"] = b"octets"
    assert CrlFetch(web.url(""))("http://crl.example.nl/a.crl") == b"octets"


def test_a_fetch_can_be_abandoned(web: CrlServer) -> None:
    web.pages["a.crl"] = endless(b"x", 0.05)
    fetch = CrlFetch(deadline=30)
    threading.Timer(0.3, fetch.abandon).start()
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(CrlUnavailable):
            fetch(web.url("a.crl"))
    assert time.monotonic() - began < 5


# --- Keeping -----------------------------------------------------------------------


def test_a_list_is_kept_as_a_whole(tmp_path: Path, g1: TestPki) -> None:
    folder = tmp_path / "crl"
    for number in (2, 3):
        made = crl_of(g1, since=NOW, until=NOW + DAY, number=number)
        keep_crl(folder, "x.crl", made)
        assert load_crls(folder) == (made,)
    assert names_in(folder) == ["x.crl"]
    assert stat.S_IMODE((folder / "x.crl").stat().st_mode) == 0o644


def test_a_place_that_takes_no_list(tmp_path: Path, g1: TestPki) -> None:
    (tmp_path / "file").write_text("")
    made = crl_of(g1, since=NOW, until=NOW + DAY)
    with pytest.raises(CrlUnavailable, match="let the gateway write there"):
        keep_crl(tmp_path / "file", "x.crl", made)


# --- How often, and from where -----------------------------------------------------


@pytest.mark.parametrize(
    ("left", "pause"),
    [(DAY, 14_400), (timedelta(hours=2), 3_600), (timedelta(minutes=1), 60), (-DAY, 60)],
)
def test_half_of_what_is_left_is_waited(g1: TestPki, left: timedelta, pause: float) -> None:
    made = crl_of(g1, since=NOW - 2 * DAY, until=NOW + left)
    assert Pace().after(made, NOW) == pause


def test_after_a_failure_it_is_tried_again_soon() -> None:
    assert Pace().after(None, NOW) == 300


def materials_of(pki: TestPki, *crls: x509.CertificateRevocationList) -> Materials:
    identities = pki.identities
    return Materials(
        identities["gateway-tls"],
        identities["gateway-signing"],
        pki.ca_certificates,
        crls or tuple(pki.crls.values()),
        profiles.TEST,
    )


def test_only_hosts_that_are_named_are_asked(g4: TestPki) -> None:
    materials = materials_of(g4)
    mine = "http://crl.example.nl/tsp.crl"
    assert CrlSources(urls=(mine, mine)).urls_for(materials) == (mine,)
    assert CrlSources(frozenset({"crl.example.nl:80"})).urls_for(materials) == ()
    followed = CrlSources(frozenset({"crl.digipoort-wus.invalid:80"}), (mine,))
    # Those of the gateway's own certificates too: only they name the lists of their CAs.
    names = ("root", "intermediate", "root-lp", "intermediate-lp", "issuing-ca", "issuing-ca-lp")
    urls = [f"http://crl.digipoort-wus.invalid/{name}.crl" for name in names]
    assert followed.urls_for(materials) == (mine, *urls)


# --- The thread --------------------------------------------------------------------


class Kept:
    """A refresh with what it works on, whose changes are loaded as a gateway loads them."""

    def __init__(self, web: CrlServer, folder: Path, pki: TestPki, *names: str) -> None:
        self.folder = folder
        self.pki = pki
        self.materials = materials_of(pki)
        self.changes = 0
        self.refresh = CrlRefresh(
            CrlSources(urls=tuple(web.url(name) for name in names)),
            folder,
            materials=lambda: self.materials,
            changed=self.changed,
            clock=system_clock,
            pace=Pace(longest=0.05, soonest=0.02, retry=0.02),
        )

    def changed(self) -> None:
        self.materials = materials_of(self.pki, *self.pki.crls.values(), *load_crls(self.folder))
        self.changes += 1


@pytest.fixture
def lately() -> datetime:
    return system_clock().replace(microsecond=0) - timedelta(minutes=1)


def until(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_new_lists_are_kept_and_told_of(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    issuer = g1.authorities["issuing-ca"].certificate
    kept = Kept(web, tmp_path, g1, "good.crl", "garbage.crl", "missing.crl")
    first = crl_of(g1, since=lately, until=lately + DAY)
    web.pages |= {"good.crl": der(first), "garbage.crl": b"<html>"}
    assert kept.refresh.confirmed == frozenset(g1.ca_certificates)
    kept.refresh.start()
    try:
        until(lambda: len(web.asked) > 6)
        assert load_crls(tmp_path) == (first,)
        assert names_in(tmp_path) == [file_name_of(issuer)]
        assert kept.changes == 1
        assert kept.refresh.confirmed == {issuer}
        second = crl_of(
            g1,
            "issuing-ca",
            "vendor-a",
            since=lately + timedelta(seconds=1),
            until=lately + DAY,
            number=3,
        )
        web.pages["good.crl"] = der(second)
        until(lambda: kept.changes == 2)
        assert load_crls(tmp_path) == (second,)
        # Neither an older list nor that of somebody else, and no answer, takes its place.
        worse: list[bytes | Give] = [der(first), der(first)[:-1] + b"\x00", give(b"", 500)]
        for page in worse:
            web.pages["good.crl"] = page
            before = len(web.asked)
            until(lambda before=before: len(web.asked) > before + 6)
            assert load_crls(tmp_path) == (second,)
            assert kept.refresh.confirmed == frozenset()
        assert kept.changes == 2
    finally:
        kept.refresh.stop()
    until(lambda: not any(thread.name == "crl-refresh" for thread in threading.enumerate()))


def test_everything_is_fetched_at_once_when_asked(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    web.pages["a.crl"] = der(crl_of(g1, since=lately, until=lately + DAY))
    kept = Kept(web, tmp_path, g1, "a.crl")
    kept.refresh._pace = Pace()
    kept.refresh.start()
    try:
        until(lambda: kept.changes == 1)
        assert web.asked == ["/a.crl"]
        kept.refresh.soon()
        until(lambda: len(web.asked) == 2)
    finally:
        kept.refresh.stop()


def test_a_full_or_closed_directory_leaves_everything_as_it_was(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    (tmp_path / "file").write_text("")
    web.pages["a.crl"] = der(crl_of(g1, since=lately, until=lately + DAY))
    kept = Kept(web, tmp_path / "file", g1, "a.crl")
    kept.refresh.start()
    try:
        until(lambda: len(web.asked) > 3)
        assert kept.changes == 0
    finally:
        kept.refresh.stop()


def test_a_list_that_cannot_be_loaded_does_not_end_the_refresh(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    web.pages["a.crl"] = der(crl_of(g1, since=lately, until=lately + DAY))
    kept = Kept(web, tmp_path, g1, "a.crl")
    told = 0

    def fails() -> None:
        nonlocal told
        told += 1
        raise ConfigurationError("the file of another CA is empty")

    kept.refresh._changed = fails
    kept.refresh.start()
    try:
        # What is not in force is told again and again, and loaded once it can be.
        until(lambda: told > 2)
        kept.refresh._changed = kept.changed
        until(lambda: kept.changes == 1)
    finally:
        kept.refresh.stop()


def test_what_arrives_while_it_stops_is_not_told_of(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    """It was not kept either, so there is nothing to load."""
    kept = Kept(web, tmp_path / "crl", g1, "a.crl")
    made = der(crl_of(g1, since=lately, until=lately + DAY))

    class Fetch(CrlFetch):
        def __call__(self, url: str) -> bytes:
            kept.refresh._stopping = True
            return made

    kept.refresh._fetch = Fetch()
    kept.refresh.start()
    kept.refresh._thread.join(5)
    assert not kept.refresh._thread.is_alive()
    assert kept.changes == 0
    assert not (tmp_path / "crl").exists()


def test_a_list_is_taken_when_it_begins(
    web: CrlServer, tmp_path: Path, g1: TestPki, lately: datetime
) -> None:
    old = crl_of(g1, since=lately, until=lately + DAY)
    ahead = crl_of(g1, since=lately + DAY / 2, until=lately + 2 * DAY, number=3)
    web.pages["a.crl"] = der(old)
    kept = Kept(web, tmp_path, g1, "a.crl")
    now = [lately]
    kept.refresh._clock = lambda: now[0]
    kept.refresh.start()
    try:
        until(lambda: kept.changes == 1)
        web.pages["a.crl"] = der(ahead)
        now[0] = lately + DAY / 2 - timedelta(seconds=1)
        before = len(web.asked)
        until(lambda: len(web.asked) > before + 3)
        assert load_crls(tmp_path) == (old,)
        now[0] += timedelta(seconds=1)
        until(lambda: kept.changes == 2)
        assert load_crls(tmp_path) == (ahead,)
    finally:
        kept.refresh.stop()


def test_stopping_does_not_wait_for_a_slow_server(
    web: CrlServer, tmp_path: Path, g1: TestPki
) -> None:
    web.pages["a.crl"] = endless(b"x", 0.05)
    kept = Kept(web, tmp_path, g1, "a.crl")
    kept.refresh.start()
    until(lambda: bool(web.asked))
    began = time.monotonic()
    kept.refresh.stop()
    assert time.monotonic() - began < 1
    assert names_in(tmp_path) == []
