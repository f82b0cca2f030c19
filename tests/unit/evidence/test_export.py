"""The exported zip: a third party verifies it with openssl, xmlsec1, coreutils and sed."""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.batch import believed
from digipoort_wus.evidence.events import Fetched
from digipoort_wus.evidence.export import Exported, verify_script, write_export
from digipoort_wus.evidence.guide import SIGNED_PARTS
from digipoort_wus.evidence.verify import Trust
from digipoort_wus.filing.status import Status
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.conftest import CERTS_TEST, need
from tests.unit.evidence.authority import StampAuthority
from tests.unit.evidence.history import (
    A,
    B,
    C,
    History,
    offer,
    purge,
    reach,
    receive,
    report,
    story,
)

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    for tool in ("openssl", "xmlsec1", "basenc", "sed"):
        need(tool, found=shutil.which(tool) is not None, install="apt-get install openssl xmlsec1")


def exported(history: History, kenmerk: str, **changes: object) -> bytes:
    authorities = history.pki.authorities
    given = Exported(
        kenmerk=kenmerk,
        rows=history.rows_of(kenmerk),
        kept=history.kept[kenmerk],
        messages=history.messages.get(kenmerk, {}),
        batches=history.sealing(),
        signers=history.trust.signers,
        roots=(authorities["root"].certificate,),
        issuers=history.signing.chain,
        stamp_roots=history.trust.stamp_roots,
    )
    target = BytesIO()
    write_export(replace(given, **changes), target)  # type: ignore[arg-type]
    return target.getvalue()


def signing_certificate(pki: TestPki) -> x509.Certificate:
    return pki.identities["gateway-signing"].certificate


def unpacked(octets: bytes, folder: Path) -> Path:
    with ZipFile(BytesIO(octets)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def verdict(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "verify.sh", *arguments],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "" or done.returncode != 0
    return done.returncode, done.stdout


def failures(output: str) -> list[str]:
    return [line.removeprefix("FAILED  ") for line in output.splitlines() if "FAILED" in line]


def by_hand(folder: Path, since: int = 0) -> list[int]:
    """Return the status of each block of commands of VERIFY.md, run in its order.

    Args:
        folder: of the export.
        since: which is the first; block 0 is the script itself.
    """
    blocks = _BLOCK.findall((folder / "VERIFY.md").read_text("utf-8"))
    return [
        subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=folder,
            env=_ENVIRONMENT,
            capture_output=True,
            check=False,
        ).returncode
        for block in blocks[since:]
    ]


@pytest.mark.parametrize("kenmerk", [A, B, C])
def test_what_is_exported_holds(stamped: History, kenmerk: str, tmp_path: Path) -> None:
    folder = unpacked(exported(stamped, kenmerk), tmp_path)
    status, output = verdict(folder)
    assert (status, failures(output)) == (0, [])
    assert output.endswith("Everything holds.\n")
    done = by_hand(folder)
    assert done == [0] * len(done)
    # The script, its digest, two of each request that is shown, two of each batch.
    requests, batches = {A: (3, 3), B: (0, 3), C: (2, 2)}[kenmerk]
    assert len(done) == 2 + 2 * requests + 2 * batches


def test_without_stamps_it_says_so(unstamped: History, tmp_path: Path) -> None:
    folder = unpacked(exported(unstamped, A), tmp_path)
    status, output = verdict(folder)
    assert status == 0
    assert output.count("the gateway's word") == 3
    assert "no time stamp" in (folder / "VERIFY.md").read_text("utf-8")
    assert set(by_hand(folder)) == {0}


def test_every_file_is_what_was_kept(stamped: History, tmp_path: Path) -> None:
    folder = unpacked(exported(stamped, A), tmp_path)
    kept = stamped.kept[A]["bericht-a1"]
    assert (folder / "filings/1/request.xml").read_bytes() == kept.request
    assert (folder / "filings/1/answer.xml").read_bytes() == kept.answer
    assert (folder / "filings/1/contents/1.bin").read_bytes() == kept.contents[0]
    (report,) = kept.reports
    assert (folder / "filings/1/reports/1/request.xml").read_bytes() == report.request
    back = stamped.messages[A]["bericht-a2"]
    assert (folder / "messages/1/contents/1.bin").read_bytes() == back.contents[0]
    assert back.offered is not None
    assert (folder / "messages/1/request.xml").read_bytes() == back.offered.request
    assert (folder / "verify.sh").read_bytes() == verify_script()
    assert "Jansen" in (folder / "filings/1/statuses.json").read_text("utf-8")


def test_the_same_evidence_makes_the_same_octets(stamped: History, tmp_path: Path) -> None:
    assert exported(stamped, C) == exported(stamped.copy(), C)


def test_of_a_purged_filing_the_chain_is_left(stamped: History, tmp_path: Path) -> None:
    octets = exported(stamped, B)
    folder = unpacked(octets, tmp_path)
    assert not (folder / "filings").exists()
    assert b"<xbrl>b</xbrl>" not in octets
    _, output = verdict(folder)
    assert "purged; what it was cannot be shown" in output


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text, f"{old} is not in {name}"
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return apply


def copy(source: str, target: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        assert (folder / source).read_bytes() != (folder / target).read_bytes()
        shutil.copy(folder / source, folder / target)

    return apply


def add(source: str, target: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        shutil.copy(folder / source, folder / target)

    return apply


def copy_folder(source: str, target: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        shutil.copytree(folder / source, folder / target)

    return apply


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def lines(name: str, pick: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text("utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(pick(text)), "utf-8")

    return apply


def flip(name: str) -> Callable[[Path], None]:
    """Change one hexadecimal digit of the first digest in a file."""

    def apply(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        found = re.search("[0-9a-f]{64}", text)
        assert found is not None
        digit = "1" if text[found.start()] == "0" else "0"
        changed = text[: found.start()] + digit + text[found.start() + 1 :]
        (folder / name).write_text(changed, "utf-8")

    return apply


def cut(name: str) -> Callable[[Path], None]:
    """Take the first step out of a path."""

    def apply(folder: Path) -> None:
        text, count = re.subn('"[0-9a-f]{64}",', "", (folder / name).read_text("utf-8"), count=1)
        assert count == 1
        (folder / name).write_text(text, "utf-8")

    return apply


def break_signature(folder: Path) -> None:
    """Change the SignatureValue of the request, and nothing that it is over."""
    text = (folder / "filings/1/request.xml").read_text("utf-8")
    at = text.index("SignatureValue>") + len("SignatureValue>")
    digit = "B" if text[at] == "A" else "A"
    (folder / "filings/1/request.xml").write_text(text[:at] + digit + text[at + 1 :], "utf-8")


ONE = "filings/1"
# What is changed, something that fails in verify.sh, and whether a command by hand fails too.
TAMPERINGS: Mapping[str, tuple[Callable[[Path], None], str, bool]] = {
    "request": (change(f"{ONE}/request.xml", "Omzet", "omzet"), "signature of the request", True),
    "white space in the request": (
        change(f"{ONE}/request.xml", "<?xml", "<?xml "),
        "request.xml",
        False,
    ),
    "signature": (break_signature, "signature of the request", True),
    "request of somebody else": (
        copy(f"{ONE}/answer.xml", f"{ONE}/request.xml"),
        "signature of the request",
        True,
    ),
    "signer's certificate": (
        copy("batches/2.pem", f"{ONE}/certificates/1.pem"),
        "certificate 1",
        True,
    ),
    "issuer's certificate": (
        copy(f"{ONE}/certificates/3.pem", f"{ONE}/certificates/2.pem"),
        "certificate 2",
        True,
    ),
    "CRL": (copy(f"{ONE}/crls/2.pem", f"{ONE}/crls/1.pem"), "CRL 1", True),
    "CRL is gone": (remove(f"{ONE}/crls/1.pem"), "CRL 1", True),
    "content": (change(f"{ONE}/contents/1.bin", "xbrl", "XBRL"), "contents/1.bin", False),
    "answer": (change(f"{ONE}/answer.xml", "urn:x", "urn:y"), "signature of the answer", False),
    "who signed the answer": (
        copy(f"{ONE}/certificates/1.pem", f"{ONE}/answer.pem"),
        "signature of the answer",
        False,
    ),
    "status": (change(f"{ONE}/statuses.json", '"105"', '"100"'), "status 1", False),
    "text of a status": (change(f"{ONE}/statuses.json", "gestart", "gestopt"), "status 1", False),
    "a status is gone": (
        lines(f"{ONE}/statuses.json", lambda all_: all_[:1] + all_[2:]),
        "number of statuses",
        False,
    ),
    "a status is added": (
        lines(f"{ONE}/statuses.json", lambda all_: all_[:2] + all_[1:]),
        "number of statuses",
        False,
    ),
    "salt": (flip(f"{ONE}/salt.hex"), "request.xml", False),
    "a delivery is gone": (
        lambda folder: shutil.rmtree(folder / ONE),
        "not there, and no entry says that it was purged",
        True,
    ),
    "report": (
        change(f"{ONE}/reports/1/request.xml", "<x ", "<x  "),
        "reports/1: request.xml",
        False,
    ),
    "signed report": (
        change(f"{ONE}/reports/1/request.xml", "urn:x", "urn:y"),
        "reports/1: signature of the request",
        True,
    ),
    "report of somebody else": (
        copy(f"{ONE}/request.xml", f"{ONE}/reports/1/request.xml"),
        "reports/1: request.xml",
        True,
    ),
    "who signed the report": (
        copy(f"{ONE}/certificates/1.pem", f"{ONE}/reports/1/certificates/1.pem"),
        "reports/1: OIN of the signer",
        True,
    ),
    "CRL of a report": (
        copy(f"{ONE}/reports/1/crls/2.pem", f"{ONE}/reports/1/crls/1.pem"),
        "reports/1: CRL 1",
        True,
    ),
    "a report is gone": (
        lambda folder: shutil.rmtree(folder / ONE / "reports/1"),
        "reports/1: request.xml",
        True,
    ),
    "a report is added": (
        copy_folder(f"{ONE}/reports/1", f"{ONE}/reports/2"),
        "no entry speaks of it",
        False,
    ),
    "return message": (
        change("messages/1/contents/1.bin", "back", "hack"),
        "messages/1: contents/1.bin",
        False,
    ),
    "a content of a return message is added": (
        add("messages/1/contents/1.bin", "messages/1/contents/2.bin"),
        "no entry speaks of it",
        False,
    ),
    "request of a return message": (
        change("messages/1/request.xml", "urn:x", "urn:y"),
        "messages/1: signature of the request",
        True,
    ),
    "a return message is gone": (
        lambda folder: shutil.rmtree(folder / "messages/1"),
        "return message bericht-a2: not there",
        True,
    ),
    "entry": (change("chain.jsonl", '"105"', '"311"'), "entry 3: in batch", False),
    "time of an entry": (change("chain.jsonl", '{"at":"20', '{"at":"21'), "entry 1", False),
    "an entry is gone": (
        lines("chain.jsonl", lambda all_: all_[:2] + all_[3:]),
        "entry 3",
        False,
    ),
    "the last entry is gone": (
        lines("chain.jsonl", lambda all_: all_[:-1]),
        "not there, and its proof is",
        False,
    ),
    "entries in another order": (
        lines("chain.jsonl", lambda all_: [*all_[:2], all_[3], all_[2], *all_[4:]]),
        "entry 3",
        False,
    ),
    "proof": (flip("proofs/3.json"), "entry 3: in batch", False),
    "place in a proof": (change("proofs/3.json", '"leaf":', '"leaf":1'), "entry 3", False),
    "batch of a proof": (change("proofs/3.json", '"batch":1', '"batch":2'), "entry 3", False),
    "proof is too short": (cut("proofs/3.json"), "entry 3: in batch", False),
    "proof is gone": (remove("proofs/3.json"), "entry 3: in a batch", False),
    "batch": (change("batches/2.json", '"leaves":', '"leaves":1'), "batch 2: signature", True),
    "batch signature": (copy("batches/1.sig", "batches/2.sig"), "batch 2: signature", True),
    "batch certificate": (
        copy(f"{ONE}/certificates/1.pem", "batches/2.pem"),
        "batch 2: certificate",
        True,
    ),
    "stamp": (copy("batches/1.tsr", "batches/2.tsr"), "batch 2: stamped", True),
    "roots": (copy("trust/stamps.pem", "trust/roots.pem"), "leads to a root", True),
    "roots of stamps": (copy("trust/roots.pem", "trust/stamps.pem"), "stamped", True),
}


@pytest.fixture(scope="module")
def archive(pki: TestPki, today: datetime, authority: StampAuthority) -> bytes:
    """Return a small export, because it is verified many times."""
    signers = believed(signing_certificate(pki))
    history = History(pki, today, trust=Trust(signers, (authority.root,)))
    receive(history, A, "bericht-a1", b"<xbrl>a</xbrl>")
    for other in range(3):
        history.add(B, "bericht-b1", Fetched(f"0000009900000000{other:04d}"))
    history.seal(authority)
    reach(history, A, "bericht-a1", Status("400", history.now, None, "details"))
    report(history, A, "bericht-a1")
    salt = history.kept[A]["bericht-a1"].salt
    assert salt is not None
    offer(history, A, "bericht-a2", salt, b"<back/>")
    history.add(C, "bericht-c1", Fetched("00000099000000002000"))
    history.seal(authority)
    return exported(history, A)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_changed_does_not_hold(archive: bytes, name: str, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path)
    apply, expected, by_hand_too = TAMPERINGS[name]
    apply(folder)
    status, output = verdict(folder)
    assert status == 1, output
    assert [line for line in failures(output) if expected in line], output
    assert not by_hand_too or any(by_hand(folder, since=1))


def test_the_reader_gives_his_own_roots(stamped: History, archive: bytes, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path)
    own = stamped.pki.authorities["root"].certificate.public_bytes(Encoding.PEM)
    (folder / "own.pem").write_bytes(own)
    assert verdict(folder, "own.pem")[0] == 0
    status, output = verdict(folder, "trust/stamps.pem")
    assert status == 1
    assert len([line for line in failures(output) if "leads to a root" in line]) == 6


def test_roots_that_cannot_be_read_are_no_forgery(archive: bytes, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path)
    (folder / "text.pem").write_text("no certificate")
    for arguments, sentence in (
        (("gone.pem",), "gone.pem cannot be read."),
        (("trust/roots.pem", "gone.pem"), "gone.pem cannot be read."),
        (("text.pem",), "text.pem holds no certificate in PEM."),
    ):
        done = subprocess.run(
            ["sh", "verify.sh", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"{sentence}\n"


def test_the_script_judges_where_it_is(archive: bytes, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path / "an export")
    roots = str((folder / "trust" / "roots.pem").relative_to(tmp_path))
    command = ["sh", str((folder / "verify.sh").relative_to(tmp_path)), roots]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Everything holds.\n")


def test_a_certificate_that_was_revoked_by_then(
    pki: TestPki, today: datetime, tmp_path: Path
) -> None:
    identities = dict(pki.identities)
    identities["vendor-a"] = identities["vendor-revoked"]
    history = story(replace(pki, identities=identities), today, None)
    folder = unpacked(exported(history, A), tmp_path)
    status, output = verdict(folder)
    assert status == 1
    assert failures(output) == [f"{ONE}: certificate leads to a root and is not revoked"]


def test_a_gateway_that_names_another_signer(pki: TestPki, today: datetime, tmp_path: Path) -> None:
    history = History(pki, today, trust=Trust(believed(signing_certificate(pki))))
    receive(history, A, "bericht-a1", b"<x/>", sender="00000099000000003000")
    history.seal()
    status, output = verdict(unpacked(exported(history, A), tmp_path))
    assert (status, failures(output)) == (1, [f"{ONE}: OIN of the signer"])


def test_the_fourth_generation(today: datetime, tmp_path: Path) -> None:
    """RSASSA-PSS in certificates and CRLs, and a hierarchy of its own for who signs."""
    g4 = make_pki("g4", now=today, key_source=keys_from(CERTS_TEST / "g4"))
    roots = tuple(g4.authorities[name].certificate for name in ("root", "root-lp"))
    folder = unpacked(exported(story(g4, today, None), A, roots=roots), tmp_path)
    assert verdict(folder)[0] == 0
    assert set(by_hand(folder)) == {0}


def test_a_large_request(pki: TestPki, today: datetime, tmp_path: Path) -> None:
    history = History(pki, today, trust=Trust(believed(signing_certificate(pki))))
    receive(history, A, "bericht-a1", b"<x>" + b" " * 12_000_000 + b"</x>")
    history.seal()
    assert verdict(unpacked(exported(history, A), tmp_path))[0] == 0


def test_one_entry_in_one_batch_and_many(pki: TestPki, today: datetime, tmp_path: Path) -> None:
    """Trees of every shape: the script climbs as the package does."""
    history = History(pki, today, trust=Trust(believed(signing_certificate(pki))))
    for number in range(1, 4):
        for other in range(number * 3 - 2):
            receive(history, f"other-{number}-{other}", f"bericht-{number}-{other}", b"<x/>")
        purge(history, f"other-{number}-0", f"bericht-{number}-0")
        history.seal()
    for kenmerk in ("other-1-0", "other-3-6", "other-2-1"):
        folder = unpacked(exported(history, kenmerk), tmp_path / kenmerk)
        assert verdict(folder)[0] == 0


def test_what_is_not_complete_is_not_exported(unstamped: History) -> None:
    history = unstamped.copy()
    for changes, sentence in (
        ({"rows": ()}, "no evidence"),
        ({"rows": [replace(history.rows_of(A)[0], batch=None, leaf=None)]}, "not sealed"),
        ({"batches": {}}, "is not there"),
        ({"signers": {}}, "certificate that signed"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            exported(history, A, **changes)


def test_the_script_knows_every_part_that_can_be_signed() -> None:
    script = verify_script().decode()
    named = re.findall(r'--id-attr:Id "\$(\w+):(\w+)"', script)
    assert sorted(name for _, name in named) == sorted(name for _, name in SIGNED_PARTS)
    prefixes = dict(re.findall(r"^(soap|wsa|wsse|wsu|wsse11)=(.*)$", script, re.MULTILINE))
    oasis = "http://docs.oasis-open.org/wss"
    spelled = {(prefixes[prefix].replace("$oasis", oasis), name) for prefix, name in named}
    assert spelled == set(SIGNED_PARTS)
