"""What the client commands have in common: the connection, exit codes, and what they print."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.config import DEFAULT_DATA_DIR
from digipoort_wus.errors import ConfigurationError, DigipoortError

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient
    from digipoort_wus.client.results import Status
    from digipoort_wus.pki.chain import TrustStore
    from digipoort_wus.pki.identity import Identity
    from digipoort_wus.pki.profiles import Acceptance

EXIT_CODES = """\b
Exit status:
  0  it worked; with --wait: the agency accepted it (500), or has it (400)
     and had not judged it in time
  1  no connection, no answer that can be trusted, or a mistake in files or settings
  2  wrong use of this command
  3  the filing ended in failure (such as 210, 311, 410, 510)
  4  the gateway refused the request with a fault
  5  it had not ended when the time of --wait was over
"""

_F = TypeVar("_F", bound=Callable[..., object])
_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


class Failed(click.ClickException):
    """No connection, no answer that can be trusted, or a mistake in files or settings."""

    exit_code = 1


class EndedBadly(click.ClickException):
    """The filing ended in failure."""

    exit_code = 3


class Refused(click.ClickException):
    """The gateway answered with a fault."""

    exit_code = 4


class TooLate(click.ClickException):
    """The filing had not ended in time."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection options as they were given."""

    url: str
    pki_dir: Path | None
    identity: str
    cert: Path | None
    key: Path | None
    p12: Path | None
    password_file: Path | None
    ca: Path | None
    crl_dir: Path | None
    mode: str | None
    gateway_oins: tuple[str, ...]
    algorithm: str

    @property
    def directory(self) -> Path:
        """Return the directory of a test PKI: the named one, or the local sandbox's."""
        return self.pki_dir or DEFAULT_DATA_DIR

    @property
    def own_files(self) -> bool:
        """Return whether certificate files were named one by one."""
        return self.cert is not None or self.p12 is not None


_OPTIONS = (
    click.option(
        "--url",
        envvar="DIGIPOORT_URL",
        default="https://localhost:8443",
        show_default=True,
        help="The gateway, without path. [env: DIGIPOORT_URL]",
    ),
    click.option(
        "--pki-dir",
        envvar="DIGIPOORT_PKI_DIR",
        type=_DIRECTORY,
        help="Test certificates of `digipoort-wus pki init` or of a sandbox's data directory. "
        f"[env: DIGIPOORT_PKI_DIR] [default: {DEFAULT_DATA_DIR}]",
    ),
    click.option(
        "--identity",
        default="vendor-a",
        show_default=True,
        metavar="NAME",
        help="Which certificate of --pki-dir to use.",
    ),
    click.option("--cert", type=_FILE, help="Certificate (PEM), followed by its issuers."),
    click.option("--key", type=_FILE, help="Its private key (PEM, without password)."),
    click.option("--p12", type=_FILE, help="Certificate and key as PKCS#12."),
    click.option(
        "--password-file", type=_FILE, help="File whose first line is the password of --p12."
    ),
    click.option("--ca", type=_FILE, help="Roots and intermediates (PEM) to trust."),
    click.option("--crl-dir", type=_DIRECTORY, help="CRLs of those CAs."),
    click.option(
        "--mode",
        type=click.Choice(["production", "test"]),
        help="Whose policies and OINs to accept. [default: what your certificate is for: test "
        "when it names a policy of test certificates]",
    ),
    click.option(
        "--gateway-oin",
        "gateway_oins",
        multiple=True,
        help="OIN that may sign answers; may be repeated. [default: that of --pki-dir, else any]",
    ),
    click.option(
        "--algorithm",
        type=click.Choice(["sha256", "sha1"]),
        default="sha256",
        show_default=True,
        help="Digest and signature algorithm of requests.",
    ),
)


def connection_options(command: _F) -> _F:
    """Add the connection options to a command; :func:`connection_of` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def connection_of(options: dict[str, object]) -> Connection:
    """Return the connection options of a command, checked for fitting together.

    Raises:
        click.UsageError: they do not.
    """
    connection = Connection(**options)  # type: ignore[arg-type] # click checked the types
    if connection.cert is not None and connection.p12 is not None:
        raise click.UsageError("Give either --cert with --key, or --p12.")
    if (connection.cert is None) != (connection.key is None):
        raise click.UsageError("--cert and --key belong together: give both.")
    if (connection.p12 is None) != (connection.password_file is None):
        raise click.UsageError("--p12 and --password-file belong together: give both.")
    if connection.own_files and (connection.ca is None or connection.crl_dir is None):
        raise click.UsageError("Say whom to trust: give --ca and --crl-dir.")
    if not connection.own_files and (connection.ca is not None or connection.crl_dir is not None):
        raise click.UsageError("--ca and --crl-dir go with --cert or --p12, not with --pki-dir.")
    return connection


@contextmanager
def connected(connection: Connection) -> "Iterator[DigipoortClient]":
    """Give a client for the connection options.

    Raises:
        ConfigurationError: a file is missing or cannot be used.
    """
    from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
    from digipoort_wus.wss.policy import SUITES

    identity = _identity(connection)
    acceptance = _acceptance(connection, identity)
    with (
        DigipoortClient(
            Endpoints.at(connection.url),
            identity=identity,
            trust=_trust(connection, acceptance),
            suite=SUITES[connection.algorithm],
            gateway_oins=frozenset(connection.gateway_oins) or _sandbox_oins(connection),
        ) as client,
        _mode_told(acceptance),
    ):
        yield client


@contextmanager
def outcomes(*, as_json: bool) -> Iterator[None]:
    """Turn errors of the client into exit statuses, and with --json into a document."""
    from digipoort_wus.client.errors import DigipoortFault
    from digipoort_wus.client.waiting import WaitTimeout

    try:
        yield
    except DigipoortFault as fault:
        if as_json:
            said = {"code": fault.code, "text": fault.text, "signed": fault.signed}
            print_json({"error": "fault", **said, "message": str(fault)})
        raise Refused(str(fault)) from fault
    except WaitTimeout as timeout:
        # Its statuses were printed already.
        raise TooLate(str(timeout)) from timeout
    except DigipoortError as error:
        if as_json:
            print_json({"error": _word_of(error), "message": str(error)})
        raise Failed(str(error)) from error


def _word_of(error: DigipoortError) -> str:
    """Return the word by which a program tells what kind of error it is; these stay."""
    from digipoort_wus.client.errors import AnswerRefused, ConnectionFailed

    for kind, word in (
        (ConfigurationError, "configuration"),
        (ConnectionFailed, "connection"),
        (AnswerRefused, "answer"),
    ):
        if isinstance(error, kind):
            return word
    return "not-done"


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def require_new(path: Path) -> None:
    """Refuse to write where something is already, or where there is no directory.

    Raises:
        ConfigurationError: it is so.
    """
    if path.exists() or path.is_symlink():
        raise ConfigurationError(f"{path} is there already: name a new file, or move that away.")
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no directory {path.parent}: make it first.")


def number_of(number: int, one: str, more: str) -> str:
    """Return a number with the word for one, or that for none or several."""
    return f"{number} {one if number == 1 else more}"


def note(sentence: str) -> None:
    """Say something on stderr that is not the result."""
    click.echo(sentence, err=True)


def printable(text: str) -> str:
    """Return a text from the wire as one line that cannot steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def status_line(status: "Status") -> str:
    """Return a status as a line for people, with its error and findings on lines below."""
    line = f"{status.at:%Y-%m-%d %H:%M:%S}  {printable(status.code):<4} {printable(status.text)}"
    if status.error is not None:
        line += f"\n  {printable(status.error.code)}: {printable(status.error.text)}"
    from digipoort_wus.cli.findings import findings_of

    return "\n".join((line, *(f"  - {printable(each)}" for each in findings_of(status.details))))


def status_json(statuses: "Iterable[Status]") -> list[dict[str, object]]:
    """Return statuses as JSON values."""
    from digipoort_wus.clock import format_utc

    return [
        {
            "kenmerk": status.kenmerk,
            "code": status.code,
            "text": status.text,
            "at": format_utc(status.at),
            "ending": status.ending,
            "error": status.error and {"code": status.error.code, "text": status.error.text},
            "details": status.details,
        }
        for status in statuses
    ]


def _identity(connection: Connection) -> "Identity":
    from digipoort_wus.pki.identity import load_pem, load_pkcs12

    if connection.p12 is not None and connection.password_file is not None:
        return load_pkcs12(connection.p12, _password(connection.password_file))
    if connection.cert is not None and connection.key is not None:
        return load_pem(connection.cert, connection.key)
    _require_test_pki(connection)
    stem = connection.directory / connection.identity
    return load_pem(stem.with_name(f"{stem.name}.pem"), stem.with_name(f"{stem.name}.key"))


def _acceptance(connection: Connection, identity: "Identity") -> "Acceptance":
    """Return whose certificates to accept: by --mode, or of the kind that the client's own is.

    Raises:
        ConfigurationError: production was asked for with a test certificate.
    """
    from digipoort_wus.pki import profiles

    for_tests = frozenset[str]().union(*profiles.TEST.policies.values())
    is_test = not for_tests.isdisjoint(profiles.policies_of(identity.certificate))
    mode = connection.mode or ("test" if is_test or not connection.own_files else "production")
    if mode == "test":
        return profiles.TEST
    if is_test:
        raise ConfigurationError(
            "Your certificate is a test certificate, which no gateway in production accepts: "
            "give --mode test, or another certificate."
        )
    return profiles.PRODUCTION


@contextmanager
def _mode_told(acceptance: "Acceptance") -> Iterator[None]:
    """Say --mode where the gateway's certificate is not of the kind that is accepted."""
    from digipoort_wus import checks
    from digipoort_wus.client.errors import AnswerRefused

    try:
        yield
    except AnswerRefused as error:
        if error.refusal.check in (checks.PKI_POLICY, checks.PKI_OIN):
            other = "test" if acceptance.name == "production" else "production"
            note(
                f"Only certificates of {acceptance.name} are accepted; --mode {other} accepts "
                f"those of {other}."
            )
        raise


def _trust(connection: Connection, acceptance: "Acceptance") -> "TrustStore":
    from digipoort_wus.pki.chain import trust_store
    from digipoort_wus.pki.identity import load_certificates, load_crls

    ca, crl_dir = connection.ca, connection.crl_dir
    if ca is None or crl_dir is None:
        ca, crl_dir = connection.directory / "ca.pem", connection.directory / "crl"
    return trust_store(load_certificates(ca), load_crls(crl_dir), acceptance)


def _sandbox_oins(connection: Connection) -> frozenset[str]:
    """Return the OIN of the test gateway, where its certificate is at hand."""
    from digipoort_wus.pki.identity import load_certificates
    from digipoort_wus.pki.oin import oin_of

    path = connection.directory / "gateway-signing.pem"
    if connection.own_files or not path.is_file():
        return frozenset()
    return frozenset({oin_of(load_certificates(path)[0])})


def _require_test_pki(connection: Connection) -> None:
    if (connection.directory / "ca.pem").is_file():
        return
    if connection.pki_dir is None:
        raise ConfigurationError(
            f"There are no certificates in {DEFAULT_DATA_DIR}: start `digipoort-wus serve` in "
            "this directory, or give --pki-dir, --cert with --key, or --p12."
        )
    raise ConfigurationError(
        f"{connection.pki_dir} holds no ca.pem: give a directory that `digipoort-wus pki init` "
        "or `digipoort-wus serve` made."
    )


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as text: check the path.") from error
