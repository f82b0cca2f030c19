"""Certificates, keys and CRLs that change while the gateway runs and others use it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.pki.testplan import PLANS, leaf_template
from tests.conftest import CERTS_TEST
from tests.crl_server import crl_of, crl_server, der, give
from tests.messages import aanlever_body
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    client_context,
    head,
    request_for,
    served,
)
from tests.wire.test_tls import refusal

DONE = "were loaded anew"
KEPT = "the old certificates stay"
UNWATCHED = "[trust]\nreload_seconds = 0\n"
SECOND = timedelta(seconds=1)


@dataclass
class House:
    """A gateway whose certification authorities obey the test."""

    running: Running
    pki: TestPki
    number: int = 1
    since: datetime = field(default_factory=lambda: just_now() - timedelta(hours=1))

    @property
    def directory(self) -> Path:
        return self.running.directory

    def list(self, *revoked: str) -> x509.CertificateRevocationList:
        """Issue the next CRL of the CA of all parties; each is a second newer."""
        self.number += 1
        self.since += SECOND
        until = just_now() + timedelta(days=1)
        return crl_of(
            self.pki, "issuing-ca", *revoked, since=self.since, until=until, number=self.number
        )

    def revoke(self, *names: str) -> None:
        replace(self.directory / "crl" / "issuing-ca.pem", der(self.list(*names)))

    def renew(self, name: str, *, key_of: str | None = None, days: int = 3650) -> Identity:
        """Issue another certificate to the gateway, with the key of somebody if need be."""
        (leaf,) = (leaf for leaf in PLANS[self.pki.generation].leaves if leaf.name == name)
        issuer = self.pki.authorities[f"issuing-ca{leaf.profile.suffix}"]
        key = self.pki.identities[key_of or name].private_key
        template = leaf_template(leaf, just_now(), days)
        certificate = issue_certificate(template, key.public_key(), issuer)
        identity = Identity(certificate, issuer.sent_chain, key)
        replace(self.directory / f"{name}.pem", pem(certificate, *issuer.sent_chain))
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        replace(self.directory / f"{name}.key", octets)
        return identity

    def reload(self, outcome: str = DONE) -> None:
        """Ask for a reload and wait for its outcome."""
        self.expect(outcome, lambda: os.kill(self.running.process.pid, signal.SIGHUP))

    def expect(self, words: str, cause: Callable[[], object]) -> None:
        """Wait for words that come into the log after a cause."""
        before = self.running.log().count(words)
        cause()
        # A hang-up also has every case of the rule sets judged, which takes seconds of both cores.
        wait_until(lambda: self.running.log().count(words) > before, 60)

    def shown(self) -> x509.Certificate:
        """Return the certificate that a new connection gets to see."""
        with Wire(self.running) as wire:
            octets = wire.socket.getpeercert(True)
        assert octets is not None
        return x509.load_der_x509_certificate(octets)


def just_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def replace(path: Path, octets: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(octets)
    draft.replace(path)


@contextmanager
def house(folder: Path, settings: str = UNWATCHED, generation: str = "g1") -> Iterator[House]:
    pki = make_pki(
        "g4" if generation == "g4" else "g1",
        now=datetime.now(UTC),
        key_source=keys_from(CERTS_TEST / generation),
    )
    write_pki(pki, folder / "data")
    (folder / "gateway.toml").write_text(settings)
    with served(folder / "data", "--config", str(folder / "gateway.toml")) as running:
        yield House(running, pki)
        assert running.process.poll() is None
        assert "Traceback" not in running.log()


def ask(wire: Wire, running: Running, *, signer: str = "vendor-a") -> int:
    octets = request_for(running, name=signer)
    wire.send(head(running.urls[0], len(octets)) + octets)
    return wire.answer().status


# --- What is new is in force, and nobody notices ------------------------------------


def test_reloads_under_load_drop_nothing(tmp_path: Path) -> None:
    with house(tmp_path) as the:
        failures: list[str] = []
        filed: dict[str, int] = {"kept": 0, "new": 0}
        over = threading.Event()

        def file_on_one_connection() -> None:
            with Wire(the.running) as wire:
                while not over.is_set():
                    status = ask(wire, the.running)
                    filed["kept"] += status == 200
                    if status != 200:
                        failures.append(f"{status} on a kept connection")

        def file_on_new_connections() -> None:
            while not over.is_set():
                with Wire(the.running, "vendor-b") as wire:
                    status = ask(wire, the.running, signer="vendor-b")
                    filed["new"] += status == 200
                    if status != 200:
                        failures.append(f"{status} on a new connection")

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except Exception as error:
                failures.append(repr(error))

        threads = [
            threading.Thread(target=guarded, args=(work,))
            for work in (file_on_one_connection, file_on_new_connections)
        ]
        for thread in threads:
            thread.start()
        try:
            for number in range(20):
                tls = the.renew("gateway-tls", key_of=("gateway-tls", "agency")[number % 2])
                the.renew("gateway-signing")
                the.revoke("vendor-revoked")
                the.reload()
                assert the.shown() == tls.certificate
        finally:
            over.set()
            for thread in threads:
                thread.join(30)
        assert failures == []
        assert min(filed.values()) >= 20


def test_answers_are_signed_with_the_new_certificate(tmp_path: Path) -> None:
    with house(tmp_path) as the:
        before = the.running.ask("aanleveren", aanlever_body())
        identity = the.renew("gateway-signing", key_of="agency")
        the.reload()
        after = the.running.ask("aanleveren", aanlever_body(reference="ref-2"))
        token = identity.certificate.public_bytes(Encoding.PEM).decode().split("-----")[2]
        assert "".join(token.split()) in after.text
        assert "".join(token.split()) not in before.text


def test_a_change_of_a_file_is_enough(tmp_path: Path) -> None:
    with house(tmp_path, "[trust]\nreload_seconds = 1\n") as the:
        the.running.submit()
        the.expect(DONE, lambda: the.revoke("vendor-a"))
        assert "revoked" in refusal(the.running, client_context(the.running))


# --- What is wrong is not -----------------------------------------------------------


def _half_a_pair(the: House) -> None:
    the.renew("gateway-tls", key_of="agency")
    replace(the.directory / "gateway-tls.key", (CERTS_TEST / "g1" / "vendor-a.key").read_bytes())


def _expired(the: House) -> None:
    the.renew("gateway-tls", days=-1)


def _unknown_issuer(the: House) -> None:
    other = CERTS_TEST / "g4" / "gateway-tls"
    for suffix in (".pem", ".key"):
        octets = other.with_suffix(suffix).read_bytes()
        replace(the.directory / f"gateway-tls{suffix}", octets)


def _written(name: str, octets: bytes) -> Callable[[House], None]:
    return lambda the: replace(the.directory / name, octets)


BAD: dict[str, tuple[Callable[[House], None], str]] = {
    "half a pair": (_half_a_pair, "does not belong"),
    "expired": (_expired, "PKI-VALIDITY"),
    "unknown issuer": (_unknown_issuer, "PKI-CHAIN"),
    "no certificate": (_written("gateway-signing.pem", b""), "holds no certificate"),
    "no key": (_written("gateway-signing.key", b"-----BEGIN"), "holds no private key"),
    "no root": (_written("ca.pem", (CERTS_TEST / "g1" / "issuing-ca.pem").read_bytes()), "root"),
    "a broken CRL": (_written("crl/issuing-ca.pem", b"\x30\x00"), "CRL that cannot be read"),
    "one of its own is revoked": (lambda the: the.revoke("gateway-tls"), "PKI-REVOKED"),
}


@pytest.fixture(scope="module")
def wrecked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("wrecked")) as the:
        yield the


@pytest.mark.parametrize("case", BAD)
def test_a_bad_reload_keeps_what_there_was(wrecked: House, case: str) -> None:
    the, (wreck, words) = wrecked, BAD[case]
    shown, files = the.shown(), [*the.directory.glob("gateway-*"), the.directory / "ca.pem"]
    saved = {path: path.read_bytes() for path in (*files, the.directory / "crl/issuing-ca.pem")}
    with Wire(the.running) as wire:
        assert ask(wire, the.running) == 200
        wreck(the)
        the.reload(KEPT)
        assert words in the.running.log().rpartition(KEPT)[2]
        assert ask(wire, the.running) == 200
    # Clients read some of these files, too.
    for path, octets in saved.items():
        replace(path, octets)
    assert the.shown() == shown
    the.running.submit()
    the.reload()
    assert the.shown() == shown


# --- What the operator is told ------------------------------------------------------


def test_a_crl_that_is_taken_away_is_told_once(tmp_path: Path) -> None:
    with house(tmp_path) as the:
        path, gone = the.directory / "crl" / "issuing-ca.pem", "No file holds the CRL of "
        octets = path.read_bytes()
        path.unlink()
        the.reload()
        wait_until(lambda: gone in the.running.log())
        (line,) = lines(the.running, gone)
        until = the.pki.crls["issuing-ca"].next_update_utc
        assert until is not None
        assert " WARNING " in line
        assert line.endswith(f"Gone: {path}")
        assert f"in force until {until:%Y-%m-%d}" in line
        # It does, and is not told again.
        the.running.submit()
        the.reload()
        # The same list under another name is no loss, and coming back is none.
        replace(path.with_name("other.crl"), octets)
        the.reload()
        replace(path, octets)
        the.reload()
        path.unlink()
        the.reload()
        assert len(lines(the.running, gone)) == 1
        path.with_name("other.crl").unlink()
        the.reload()
        wait_until(lambda: len(lines(the.running, gone)) == 2)


def test_a_directory_that_is_emptied_is_told_too(tmp_path: Path) -> None:
    with house(tmp_path) as the:
        for path in (the.directory / "crl").iterdir():
            path.unlink()
        the.reload(KEPT)
        told = lines(the.running, "No file holds the CRL of ")
        assert len(told) == 3
        assert all("issuing-ca.pem" in line and "root.pem" in line for line in told)
        the.running.submit()


def test_settings_that_need_a_restart_are_named(tmp_path: Path) -> None:
    with house(tmp_path) as the:
        file, told = tmp_path / "gateway.toml", "these settings need a restart"
        the.reload()
        # What the command line says wins over the file: that has not changed.
        file.write_text(f'data_dir = "elsewhere"\n[listen]\nport = 1\n{UNWATCHED}')
        the.reload()
        assert lines(the.running, told) == []
        file.write_text(
            "[process]\nunsafe_sandbox_agency = 's3cr3t'\n[security]\naccept_pss = true\n"
            + UNWATCHED
        )
        the.reload()
        (line,) = lines(the.running, told)
        assert " WARNING " in line
        assert line.endswith(": security.accept_pss, process.unsafe_sandbox_agency")
        assert "s3cr3t" not in the.running.log()
        file.write_text(UNWATCHED)
        the.reload()
        assert len(lines(the.running, told)) == 1


def test_another_mode_in_the_file_lets_nobody_in_or_out(tmp_path: Path) -> None:
    """Whether who has no row is admitted is up to the mode that runs."""
    with house(tmp_path) as the:
        row = 'oin = "00000099000000003000"\ndisabled = true\nreason = "x"\n'
        path = the.directory
        files = f'certificate = "{path}/gateway-tls.pem"\nkey = "{path}/gateway-tls.key"\n'
        (tmp_path / "gateway.toml").write_text(
            'mode = "production"\n'
            f"[tls]\n{files}[signing]\n{files}"
            f'[trust]\nca = "{path}/ca.pem"\ncrls = "{path}/crl"\nreload_seconds = 0\n'
            '[listen]\npublic_urls = ["https://localhost"]\n'
            f'[process]\nunsafe_sandbox_agency = "test"\n[[party]]\n{row}'
        )
        the.reload()
        (line,) = lines(the.running, "these settings need a restart")
        assert ": mode, " in line
        the.running.submit(name="vendor-a")
        refused = the.running.ask("aanleveren", aanlever_body(), name="vendor-b")
        assert_refused(refused, "ALS130", "PARTY-ENABLED")


def lines(running: Running, words: str) -> list[str]:
    """Return the lines of the log that hold these words."""
    return [line for line in running.log().splitlines() if words in line]


# --- Who was revoked ----------------------------------------------------------------


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_who_is_revoked_is_out_at_once(tmp_path: Path, generation: str) -> None:
    with house(tmp_path, generation=generation) as the, Wire(the.running) as wire:
        assert ask(wire, the.running) == 200
        the.revoke("vendor-a")
        the.reload()
        octets = request_for(the.running)
        for _ in range(2):
            wire.send(head(the.running.urls[0], len(octets)) + octets)
            assert_refused(wire.answer(), "ALS110", "PKI-REVOKED")
        assert "revoked" in refusal(the.running, client_context(the.running))
        the.running.submit(name="vendor-b")
        # An old file that comes back does not bring back the party.
        replace(
            the.directory / "crl" / "issuing-ca.pem",
            the.pki.crls["issuing-ca"].public_bytes(Encoding.PEM),
        )
        the.reload()
        assert "revoked" in refusal(the.running, client_context(the.running))
        # A newer list may.
        the.revoke()
        the.reload()
        assert ask(wire, the.running) == 200


MANDATE = """\
[security]
mandates = [{ tls = "00000099000000002000", signer = "00000099000000003000" }]
"""


def test_who_connects_is_judged_at_each_request(tmp_path: Path) -> None:
    """The signer is somebody else, whose certificate is as good as ever."""
    with house(tmp_path, UNWATCHED + MANDATE) as the, Wire(the.running) as wire:
        assert ask(wire, the.running, signer="vendor-b") == 200
        the.revoke("vendor-a")
        the.reload()
        octets = request_for(the.running, name="vendor-b")
        wire.send(head(the.running.urls[0], len(octets)) + octets)
        assert_refused(wire.answer(), "ALS110", "PKI-REVOKED")


# --- CRLs from the network ----------------------------------------------------------


def test_lists_are_fetched_kept_and_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    with crl_server() as web:
        names = ("root", "intermediate", "issuing-ca")
        urls = ", ".join(f'"{web.url(name)}"' for name in names)
        settings = f'{UNWATCHED}ca = "data/ca.pem"\ncrls = "fetched"\ncrl_urls = [{urls}]\n'
        with house(tmp_path, settings) as the:
            # There is none yet, and the server has none to give.
            wait_until(lambda: len(web.asked) >= 3)
            assert not folder.exists()
            assert "is missing" in the.running.log()
            assert "alert" in refusal(the.running, client_context(the.running))
            # Somebody else's come first: signed well, but not by ours.
            stranger = make_pki(
                "g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g4")
            )
            web.pages |= {name: der(stranger.crls[name]) for name in names}
            the.expect("none of them signed", the.reload)
            assert not folder.exists()
            web.pages |= {name: der(the.pki.crls[name]) for name in names}
            the.expect(DONE, the.reload)
            wait_until(lambda: len(list(folder.glob("*.crl"))) == 3)
            wait_until(lambda: can_file(the.running))
            revoking = the.list("vendor-a")
            web.pages["issuing-ca"] = der(revoking)
            the.reload()
            wait_until(lambda: not can_file(the.running))
            assert "revoked" in refusal(the.running, client_context(the.running))
            # Neither an outage nor an older list changes that.
            web.pages |= {"issuing-ca": der(the.pki.crls["issuing-ca"]), "root": give(b"", 503)}
            the.expect("not older than", the.reload)
            the.expect("answered 503", the.reload)
            assert "revoked" in refusal(the.running, client_context(the.running))
            directory = the.directory
        web.pages.clear()
        # What was fetched is still there after a restart, without the server.
        with served(directory, "--config", str(tmp_path / "gateway.toml")) as running:
            assert "revoked" in refusal(running, client_context(running))
            running.submit(name="vendor-b")


def can_file(running: Running) -> bool:
    """Tell whether a party gets in; a fault may be faster than the alert."""
    try:
        return running.ask("aanleveren", aanlever_body()).status_code == 200
    except OSError:
        return False
