"""The commands submit, status and fetch: usage, exit statuses, and what they print."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.cli import fetch as fetch_module
from digipoort_wus.cli import options as options_module
from digipoort_wus.cli import status as status_module
from digipoort_wus.cli import submit as submit_module
from digipoort_wus.cli.fetch import safe_name, write_new
from digipoort_wus.client.errors import AnswerRefused, ConnectionFailed, DigipoortFault
from digipoort_wus.client.results import Message, Receipt, Status
from digipoort_wus.client.waiting import WaitTimeout
from digipoort_wus.errors import Check, ConfigurationError, Refusal
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.pki import profiles
from digipoort_wus.pki.testpki import P12_PASSWORD, TestPki, write_pki
from digipoort_wus.process.api import MailboxEntry, Scope
from tests.messages import NOW, XBRL

PARTY = Party("001000044B37", "Fi")
COMMANDS: Mapping[str, click.Command] = {
    "submit": submit_module.submit,
    "status": status_module.status,
    "fetch": fetch_module.fetch,
}


def statuses(*codes: str) -> tuple[Status, ...]:
    return tuple(
        Status("k-1", code, f"tekst {code}", NOW + timedelta(seconds=index), PARTY)
        for index, code in enumerate(codes)
    )


class FakeClient:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.found = statuses("105", "100", "500")
        self.fails: Exception | None = None

    def submit(self, document: Document, **said: Any) -> Receipt:
        self.asked.append((document, said))
        if self.fails is not None:
            raise self.fails
        return Receipt(
            "k-1", said["berichtsoort"], NOW, said["belanghebbende"], None, None, None,
            "00000099000000001000", "urn:uuid:1", b"<signed/>",
        )  # fmt: skip

    def statuses(self, kenmerk: str, *, scope: Scope) -> tuple[Status, ...]:
        self.asked.append((kenmerk, scope))
        if self.fails is not None:
            raise self.fails
        return self.found

    def wait(
        self, kenmerk: str, *, timeout: float, on_status: Callable[[Status], None]
    ) -> tuple[Status, ...]:
        for status in self.found:
            on_status(status)
        if self.found[-1].ending == "open":
            raise WaitTimeout(kenmerk, self.found)
        return self.found

    def messages(self, party: Party, **said: Any) -> tuple[Message, ...]:
        self.asked.append((party, said))
        return (self._message("../../etc/passwd"), self._message("a.xml"))

    def messages_of(self, kenmerk: str, *, scope: Scope) -> tuple[Message, ...]:
        self.asked.append((kenmerk, scope))
        return ()

    def message_list(self, **said: Any) -> tuple[MailboxEntry, ...]:
        return (MailboxEntry("k-1", "Soort\x1b[2J", PARTY),)

    def _message(self, name: str) -> Message:
        document = Document("text/xml", name, b"<bericht/>")
        return Message("k-1", "b-1", "Soort", NOW, PARTY, "Bedrijf", document)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    made = FakeClient()

    @contextmanager
    def connected(_connection: object) -> Iterator[FakeClient]:
        yield made

    for module in (submit_module, status_module, fetch_module):
        monkeypatch.setattr(module, "connected", connected)
    return made


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    path = tmp_path / "ob.xbrl"
    path.write_bytes(XBRL)
    return path


def run(name: str, *arguments: object, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(COMMANDS[name], [str(word) for word in arguments], env=env)


# --- Usage --------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_exit_status(name: str) -> None:
    found = run(name, "--help")
    assert found.exit_code == 0
    assert "Exit status:" in found.output
    for code in "012345":
        assert f"\n    {code}  " in found.output


WRONG = {
    "no file": ("submit", ["nowhere.xml", "--berichtsoort", "x"], "does not exist"),
    "two places": ("status", ["k", "--cert", "a", "--key", "b", "--p12", "c"], "either --cert"),
    "cert alone": ("status", ["k", "--cert", "a"], "--cert and --key"),
    "p12 alone": ("status", ["k", "--p12", "a"], "--password-file"),
    "nobody to trust": ("status", ["k", "--cert", "a", "--key", "b"], "--ca and --crl-dir"),
    "trust alone": ("status", ["k", "--ca", "a", "--crl-dir", "b"], "not with --pki-dir"),
    "new and wait": ("status", ["k", "--new", "--wait"], "do not go together"),
    "fetch what": ("fetch", [], "either --kenmerk or --belanghebbende"),
    "fetch both": ("fetch", ["--kenmerk", "k", "--belanghebbende", "1"], "either --kenmerk"),
    "list of one": ("fetch", ["--list", "--kenmerk", "k"], "lists everything"),
    "kind of one": ("fetch", ["--kenmerk", "k", "--berichtsoort", "s"], "--belanghebbende or"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_is_explained(what: str) -> None:
    name, arguments, words = WRONG[what]
    found = run(name, *arguments)
    assert found.exit_code == 2
    assert words in found.output


# --- submit -------------------------------------------------------------------


def test_submit_takes_the_party_from_an_instance_and_says_so(
    client: FakeClient, instance: Path
) -> None:
    found = run("submit", instance, "--berichtsoort", "Omzetbelasting")
    assert (found.exit_code, found.stdout) == (0, "k-1\n")
    assert "001000044B37 (Fi), from the first context" in found.stderr
    document, said = client.asked[0]
    assert (document.mime_type, document.file_name) == ("application/xml", "ob.xbrl")
    assert said["belanghebbende"] == PARTY


def test_submit_does_what_it_is_told(client: FakeClient, instance: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "bijlage.pdf"
    pdf.write_bytes(b"%PDF")
    receipt = tmp_path / "receipt.xml"
    found = run(
        "submit", instance, "--berichtsoort", "X", "--belanghebbende", "1", "--type", "BTW",
        "--aanleverkenmerk", "ref", "--mime-type", "text/xml", "--attachment", pdf,
        "--message-id", "urn:uuid:9", "--receipt", receipt, "--json",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["kenmerk"] == "k-1"
    document, said = client.asked[0]
    assert document.mime_type == "text/xml"
    assert said["belanghebbende"] == Party("1", "BTW")
    assert said["attachments"][0].mime_type == "application/pdf"
    assert (said["aanleverkenmerk"], said["message_id"]) == ("ref", "urn:uuid:9")
    assert receipt.read_bytes() == b"<signed/>"
    again = run("submit", instance, "--berichtsoort", "X", "--receipt", receipt)
    assert again.exit_code == 1
    assert len(client.asked) == 1, "a receipt that cannot be kept is noticed before filing"


@pytest.mark.parametrize(
    "content",
    [b"no xml", b"<a/>", b"<!DOCTYPE a><a/>", XBRL.replace(b"001000044B37", b" ")],
)
def test_submit_wants_a_party_where_there_is_none(
    client: FakeClient, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    found = run("submit", path, "--berichtsoort", "X")
    assert found.exit_code == 2
    assert "Give --belanghebbende" in found.stderr
    assert client.asked == []


def test_submit_does_not_guess_what_an_unknown_scheme_means(
    client: FakeClient, tmp_path: Path
) -> None:
    path = tmp_path / "a.xbrl"
    path.write_bytes(XBRL.replace(b"www.belastingdienst.nl", b"www.example.org"))
    found = run("submit", path, "--berichtsoort", "X")
    assert found.exit_code == 2
    assert "Give --type" in found.stderr
    assert run("submit", path, "--berichtsoort", "X", "--type", "Fi").exit_code == 0


ENDS = {
    "accepted": (("105", "500"), 0),
    "delivered": (("105", "400"), 0),
    "invalid": (("105", "311"), 3),
    "refused by the agency": (("400", "510"), 3),
    "too late": (("105", "405"), 5),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("what", ENDS)
def test_submit_waits(client: FakeClient, instance: Path, what: str, as_json: bool) -> None:
    codes, exit_code = ENDS[what]
    client.found = statuses(*codes)
    options = ["--json"] if as_json else []
    found = run("submit", instance, "--berichtsoort", "X", "--wait", *options)
    assert found.exit_code == exit_code, found.output
    assert f"tekst {codes[-1]}" in found.stderr
    if as_json:
        document = json.loads(found.stdout)
        assert [status["code"] for status in document["statuses"]] == list(codes)
    else:
        assert found.stdout == "k-1\n"


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (DigipoortFault("ALS120", "Onbekend", signed=False), 4),
        (ConnectionFailed("Nothing listens", temporary=True), 1),
        (ConfigurationError("Wrong"), 1),
    ],
)
def test_errors_have_their_exit_status(
    client: FakeClient, instance: Path, error: Exception, exit_code: int
) -> None:
    client.fails = error
    plain = run("submit", instance, "--berichtsoort", "X")
    assert (plain.exit_code, plain.stdout) == (exit_code, "")
    assert str(error) in plain.stderr
    document = json.loads(run("submit", instance, "--berichtsoort", "X", "--json").stdout)
    assert document["message"] == str(error)
    if isinstance(error, DigipoortFault):
        assert (document["code"], document["signed"]) == ("ALS120", False)


# --- status -------------------------------------------------------------------


def test_status_prints_what_there_is(client: FakeClient) -> None:
    found = run("status", "k-1")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1] == "2026-06-01 12:00:02  500  tekst 500"
    assert run("status", "k-1", "--new").exit_code == 0
    assert [scope for _, scope in client.asked] == [Scope.ALL, Scope.NEW]


def test_status_prints_each_status_once_while_waiting(client: FakeClient) -> None:
    found = run("status", "k-1", "--wait")
    assert len(found.stdout.splitlines()) == 3
    assert found.stderr == ""


def test_status_of_a_failure(client: FakeClient) -> None:
    client.found = statuses("105", "311")
    assert run("status", "k-1").exit_code == 3
    assert json.loads(run("status", "k-1", "--json").stdout)["statuses"][1]["ending"] == "failure"


def test_status_with_nothing_new(client: FakeClient) -> None:
    client.found = ()
    found = run("status", "k-1", "--new")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "No new statuses.\n")


def test_texts_from_the_wire_do_not_steer_the_terminal(client: FakeClient) -> None:
    client.found = (Status("k-1", "100", "a\x1b[2Jb\r\nc", NOW, PARTY),)
    assert "\x1b" not in run("status", "k-1").output
    assert "\x1b" not in run("fetch", "--list").output


# --- fetch --------------------------------------------------------------------


def test_fetch_writes_new_files_in_its_directory(client: FakeClient, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    for _ in range(2):
        found = run("fetch", "--belanghebbende", PARTY.number, "--output-dir", folder)
        assert found.exit_code == 0, found.output
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["k-1_a-2.xml", "k-1_a.xml", "k-1_passwd", "k-1_passwd-2"]
    assert found.stdout.splitlines() == [
        str(folder / "k-1_passwd-2"),
        str(folder / "k-1_a-2.xml"),
    ]


def test_fetch_describes_in_json(client: FakeClient, tmp_path: Path) -> None:
    found = run("fetch", "--belanghebbende", "1", "--output-dir", tmp_path, "--json")
    first = json.loads(found.stdout)[0]
    assert first["files"] == [str(tmp_path / "k-1_passwd")]
    assert first["offered_at"] == "2026-06-01T12:00:00.000Z"


def test_fetch_looks_at_the_directory_before_it_asks(client: FakeClient, tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_bytes(b"")
    found = run("fetch", "--kenmerk", "k", "--new", "--output-dir", taken / "below")
    assert found.exit_code == 1
    assert client.asked == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.xml", "a.xml"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".ssh", "ssh"),
        ("-rf", "rf"),
        ("..", "inhoud"),
        ("", "inhoud"),
        ("a b\x00c\u202e.xml", "a_b_c_.xml"),
        ("x" * 300 + ".xml", "x" * 96 + ".xml"),
    ],
)
def test_names_from_the_wire_cannot_do_harm(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "a.xml").symlink_to(target)
    assert write_new(tmp_path, "a.xml", b"x").name == "a-2.xml"
    assert not target.exists()


# --- Connections --------------------------------------------------------------


def test_a_sandbox_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = run("status", "k")
    assert found.exit_code == 1
    assert "start `digipoort-wus serve`" in found.stderr
    assert "holds no ca.pem" in run("status", "k", "--pki-dir", tmp_path).stderr


@pytest.fixture(scope="module")
def folder(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki") / "g1"
    write_pki(g1, path)
    return path


def test_every_kind_of_identity_gets_as_far_as_the_connection(folder: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{P12_PASSWORD}\n")
    trust = ["--ca", folder / "ca.pem", "--crl-dir", folder / "crl", "--mode", "test"]
    ways: tuple[list[object], ...] = (
        ["--pki-dir", folder],
        ["--pki-dir", folder, "--identity", "vendor-b", "--algorithm", "sha1"],
        ["--cert", folder / "vendor-a.pem", "--key", folder / "vendor-a.key", *trust],
        ["--p12", folder / "vendor-a.p12", "--password-file", password, *trust],
    )
    for way in ways:
        found = run("status", "k", "--url", "https://localhost:1", *way)
        assert found.exit_code == 1
        assert "Nothing listens at localhost:1" in found.stderr


def own_files(folder: Path, tmp_path: Path) -> dict[str, list[object]]:
    password = tmp_path / "password"
    password.write_text(f"{P12_PASSWORD}\n")
    trust = ["--ca", folder / "ca.pem", "--crl-dir", folder / "crl"]
    return {
        "--cert": ["--cert", folder / "vendor-a.pem", "--key", folder / "vendor-a.key", *trust],
        "--p12": ["--p12", folder / "vendor-a.p12", "--password-file", password, *trust],
    }


@pytest.mark.parametrize("way", ["--cert", "--p12"])
def test_a_test_certificate_needs_no_mode(folder: Path, tmp_path: Path, way: str) -> None:
    files = own_files(folder, tmp_path)[way]
    for mode in ([], ["--mode", "test"]):
        found = run("status", "k", "--url", "https://localhost:1", *files, *mode)
        assert "Nothing listens at localhost:1" in found.stderr
        assert "--mode" not in found.stderr


@pytest.mark.parametrize("way", ["--cert", "--p12"])
def test_production_with_a_test_certificate_says_mode_test(
    folder: Path, tmp_path: Path, way: str
) -> None:
    files = own_files(folder, tmp_path)[way]
    found = run("status", "k", "--mode", "production", *files)
    assert found.exit_code == 1
    assert "test certificate" in found.stderr
    assert "--mode test" in found.stderr


@pytest.mark.parametrize("given", [None, "production", "test"])
def test_whose_certificates_are_accepted(g1: TestPki, given: str | None) -> None:
    """A certificate that names no policy of tests is taken for one of production."""
    other = replace(g1.identities["vendor-a"], certificate=without_policy(g1))
    expected = profiles.TEST if given == "test" else profiles.PRODUCTION
    assert options_module._acceptance(connection_of_files(given), other) is expected


def without_policy(g1: TestPki) -> x509.Certificate:
    sample, issuer = g1.identities["vendor-a"].certificate, g1.authorities["issuing-ca"]
    builder = x509.CertificateBuilder(
        sample.issuer,
        sample.subject,
        sample.public_key(),
        x509.random_serial_number(),
        sample.not_valid_before_utc,
        sample.not_valid_after_utc,
    )
    return builder.sign(issuer.key, issuer.scheme.algorithm)


def connection_of_files(mode: str | None) -> options_module.Connection:
    file = Path("x")
    return options_module.Connection(
        url="https://localhost",
        pki_dir=None,
        identity="vendor-a",
        cert=file,
        key=file,
        p12=None,
        password_file=None,
        ca=file,
        crl_dir=file,
        mode=mode,
        gateway_oins=(),
        algorithm="sha256",
    )


@pytest.mark.parametrize("check", [checks.PKI_POLICY, checks.PKI_OIN])
def test_an_answer_of_the_other_kind_says_mode(
    check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    for acceptance, other in ((profiles.PRODUCTION, "test"), (profiles.TEST, "production")):
        with pytest.raises(AnswerRefused), options_module._mode_told(acceptance):
            raise AnswerRefused(Refusal(check))
        assert f"--mode {other}" in capsys.readouterr().err
    with pytest.raises(AnswerRefused), options_module._mode_told(profiles.TEST):
        raise AnswerRefused(Refusal(checks.PKI_CHAIN))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "url",
    ["https://me:s3cr3t@localhost:1", "https://s3cr3t@localhost:1", "https://:s3cr3t@localhost"],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(folder: Path, url: str) -> None:
    found = run("status", "k", "--pki-dir", folder, "--url", url)
    assert found.exit_code == 1
    assert "user name or password" in found.stderr
    assert "s3cr3t" not in found.output


@pytest.mark.parametrize("url", ["https://localhost:99999", "https://localhost:x", "https://[::1"])
def test_a_url_that_cannot_be_read_is_a_sentence(folder: Path, url: str) -> None:
    found = run("status", "k", "--pki-dir", folder, "--url", url)
    assert found.exit_code == 1
    assert "https://host:port" in found.stderr


@pytest.mark.parametrize("url", ["http://localhost", "localhost:8443", "https://h/?wsdl"])
def test_the_url_is_looked_at(folder: Path, url: str) -> None:
    found = run("status", "k", "--pki-dir", folder, env={"DIGIPOORT_URL": url})
    assert found.exit_code == 1
    assert "https://host:port" in found.stderr


def test_a_missing_identity_is_said(folder: Path) -> None:
    found = run("status", "k", "--pki-dir", folder, "--identity", "nobody")
    assert found.exit_code == 1
    assert "nobody.pem" in found.stderr
