"""``digipoort-wus explain``: say what is wrong with a stored request or a certificate."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import click

from digipoort_wus.clock import parse_date_time, system_clock
from digipoort_wus.config import DEFAULT_DATA_DIR
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

    from digipoort_wus.names import Service
    from digipoort_wus.pki.chain import TrustStore
    from digipoort_wus.server.captured import Captured
    from digipoort_wus.server.http import HttpRequest
    from digipoort_wus.wss.policy import SecurityPolicy

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_DIRECTORY = click.Path(path_type=Path, file_okay=False, exists=True)
_EXIT_CODES = """\b
Exit status:
  0  the gateway would accept it; of --cert alone: it is good for something
  1  it would refuse it, or the file is a refusal
  2  wrong use of this command, or a file that is no request
  3  nothing is wrong as far as it was judged, but nobody said whom to trust
"""
_ACCEPTED, _REFUSED, _UNDECIDED = 0, 1, 3
_POLICIES = ("digipoort-1.2", "digikoppeling-3.0-be", "digikoppeling-3.0-be-S")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options as they were given."""

    cert: Path | None
    ca_file: Path | None
    crl_dir: Path | None
    pki_dir: Path | None
    mode: str | None
    policy: str | None
    at: str | None
    soap_action: str | None
    service: str | None
    url: str | None


@click.command(epilog=_EXIT_CODES)
@click.argument("request_file", metavar="[REQUEST-FILE]", required=False, type=click.File("rb"))
@click.option("--cert", type=_FILE, help="Explain this certificate; it may have signed too.")
@click.option("--ca-file", type=_FILE, help="Roots and intermediates (PEM) to trust.")
@click.option("--crl-dir", type=_DIRECTORY, help="CRLs of those CAs.")
@click.option(
    "--pki-dir",
    type=_DIRECTORY,
    help=f"Test certificates, in place of these two. [default: {DEFAULT_DATA_DIR}, if it is there]",
)
@click.option(
    "--mode",
    type=click.Choice(["production", "test"]),
    help="Whose policies and OINs to accept. [default: production with --ca-file, else test]",
)
@click.option(
    "--policy",
    type=click.Choice(_POLICIES),
    help="What the request must meet. [default: that of its service]",
)
@click.option(
    "--at",
    metavar="TIME",
    help="When it was received, such as 2026-06-01T12:00:00Z, or now. "
    "[default: the message's own Created]",
)
@click.option("--soap-action", help="The HTTP header SOAPAction that came with it.")
@click.option("--service", help="The service it was sent to. [default: by what is in its Body]")
@click.option("--url", help="The URL or path that it was sent to.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option(
    "--show-canonical",
    metavar="PART",
    help="Show the canonical octets of a part, such as Body or SignedInfo, and where they differ "
    "from what was signed.",
)
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    request_file: "IO[bytes] | None",
    *,
    as_json: bool,
    show_canonical: str | None,
    **options: object,
) -> None:
    """Explain why a stored request is refused, or what a certificate is good for.

    REQUEST-FILE is the body of a request (the SOAP message, as it went over the wire) or a
    whole HTTP request that begins with POST; - is standard input. It is judged here, by the
    same code as a gateway's. Nothing is sent anywhere. Of a SOAP fault it says what its code
    means.
    """
    asked = _Asked(**options)  # type: ignore[arg-type] # click checked the types
    try:
        if request_file is not None:
            octets = request_file.read()
            status = _explain_file(asked, octets, as_json=as_json, part=show_canonical)
        elif asked.cert is not None:
            status = _explain_certificate(asked, as_json=as_json)
        else:
            raise click.UsageError("Give a request file, or --cert with a certificate.")
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    ctx.exit(status)


def _explain_file(asked: _Asked, octets: bytes, *, as_json: bool, part: str | None) -> int:
    from digipoort_wus.cli import refusals, unfit

    said = refusals.read_refusal(octets)
    if said is not None:
        refusals.print_refusal(said, as_json=as_json)
        return _REFUSED
    mistaken = unfit.why_unfit(octets)
    if mistaken:
        raise click.UsageError(mistaken)
    return _explain_request(asked, octets, as_json=as_json, part=part)


def _explain_request(asked: _Asked, octets: bytes, *, as_json: bool, part: str | None) -> int:
    from digipoort_wus.cli import explained
    from digipoort_wus.pki.explain import explain_certificate
    from digipoort_wus.server.bench import Bench
    from digipoort_wus.server.explain import explain_request

    captured = _captured(octets)
    service, request = _request(asked, octets, captured)
    store, given = _trust(asked), _certificates(asked)
    at, why = _moment(asked, request)
    others = [(f"certificate {n} of --cert", found) for n, found in enumerate(given, 1)]
    if asked.pki_dir is not None or asked.ca_file is None:
        others += _of_directory(asked.pki_dir or DEFAULT_DATA_DIR)
    policy = _policy(asked, service)
    request.peer = given[0] if given and not policy.suites else None
    bench = Bench(policy, store, at, tuple(others), given[1:], captured)
    explanation = explain_request(bench, service, request)
    signer = explanation.message.certificate if explanation.message is not None else None
    certificate = given[0] if given else signer
    about = None
    if store is not None and certificate is not None:
        about = explain_certificate(store, certificate, given[1:], at)
    unjudged = explained.unjudged(
        explanation, trust_given=store is not None, time_given=asked.at is not None
    )
    if as_json:
        explained.print_request_json(explanation, about, at, unjudged)
    else:
        explained.print_request(
            explanation, about, at, why, certificate_given=bool(given), unjudged=unjudged
        )
        if part is not None:
            explained.print_canonical(explanation, part)
    if explanation.accepted is None or explanation.findings:
        return _REFUSED
    return _ACCEPTED if store is not None else _UNDECIDED


def _captured(octets: bytes) -> "Captured | None":
    """Return what a gateway makes of a whole HTTP request, None of a body alone."""
    from digipoort_wus.server.stored import is_whole_request

    if not is_whole_request(octets):
        return None
    from digipoort_wus.server.captured import read_captured

    return read_captured(octets)


def _explain_certificate(asked: _Asked, *, as_json: bool) -> int:
    from digipoort_wus.cli import explained
    from digipoort_wus.pki.explain import explain_certificate

    store, (leaf, *sent) = _trust(asked), _certificates(asked)
    if store is None:
        raise click.UsageError("Say whom to trust: give --pki-dir, or --ca-file and --crl-dir.")
    at = _time(asked.at) if asked.at is not None else system_clock()
    about = explain_certificate(store, leaf, sent, at)
    if as_json:
        explained.print_certificate_json(about, at)
    else:
        explained.print_certificate(about, at)
    good = any(refusal is None for refusal in about.verdicts.values())
    return _ACCEPTED if good else _REFUSED


def _request(
    asked: _Asked, octets: bytes, captured: "Captured | None"
) -> "tuple[Service, HttpRequest]":
    from digipoort_wus.cli.unfit import unknown_service
    from digipoort_wus.names import ENDPOINTS
    from digipoort_wus.server.explain import created_in, service_of
    from digipoort_wus.server.stored import as_request, is_whole_request

    request = None
    if is_whole_request(octets):
        from digipoort_wus.server.captured import read_leniently

        request = read_leniently(octets)
        handed_on = captured.request if captured is not None else None
        # Cut off by its own head it tells nothing; then the rest is explained of all there is.
        if handed_on is not None and created_in(handed_on) is not None:
            request.body = handed_on.body
    path = urlsplit(asked.url).path if asked.url is not None else ""
    if request is not None and not path:
        path = urlsplit(request.head.path).path
    service = service_of(octets, path=path, policy=asked.policy or "")
    if asked.service is not None:
        if asked.service not in ENDPOINTS:
            raise click.UsageError(f"--service is one of {', '.join(ENDPOINTS)}.")
        service = ENDPOINTS[asked.service]
    if service is None:
        raise click.UsageError(unknown_service(request.body if request is not None else octets))
    headers = {} if asked.soap_action is None else {"soapaction": asked.soap_action}
    if request is None:
        return service, as_request(octets, service, headers)
    request.head.headers.update(headers)  # type: ignore[attr-defined] # a dict of our own making
    return service, request


def _policy(asked: _Asked, service: "Service") -> "SecurityPolicy":
    from digipoort_wus.wss.policy import POLICIES, without_sha1

    policy = POLICIES[asked.policy or service.policy]
    return without_sha1(policy) if _mode(asked) == "production" else policy


def _mode(asked: _Asked) -> str:
    return asked.mode or ("production" if asked.ca_file is not None else "test")


def _trust(asked: _Asked) -> "TrustStore | None":
    from digipoort_wus.pki import profiles
    from digipoort_wus.pki.chain import trust_store
    from digipoort_wus.pki.identity import load_certificates, load_crls

    if (asked.ca_file is None) != (asked.crl_dir is None):
        raise click.UsageError("--ca-file and --crl-dir belong together: give both.")
    if asked.ca_file is not None and asked.pki_dir is not None:
        raise click.UsageError("Give --pki-dir, or --ca-file and --crl-dir.")
    acceptance = profiles.PRODUCTION if _mode(asked) == "production" else profiles.TEST
    if asked.ca_file is not None and asked.crl_dir is not None:
        return trust_store(load_certificates(asked.ca_file), load_crls(asked.crl_dir), acceptance)
    directory = asked.pki_dir or DEFAULT_DATA_DIR
    if asked.pki_dir is None and not (directory / "ca.pem").is_file():
        return None
    return trust_store(
        load_certificates(directory / "ca.pem"), load_crls(directory / "crl"), acceptance
    )


def _certificates(asked: _Asked) -> "tuple[x509.Certificate, ...]":
    from digipoort_wus.pki.identity import load_certificates

    return load_certificates(asked.cert) if asked.cert is not None else ()


def _of_directory(directory: Path) -> "list[tuple[str, x509.Certificate]]":
    """Return the leaf of every certificate file of a test PKI, for whose key it was."""
    from digipoort_wus.pki.identity import load_certificates

    if not (directory / "ca.pem").is_file():
        return []
    files = sorted(directory.glob("*.pem"))
    return [(file.name, load_certificates(file)[0]) for file in files if file.name != "ca.pem"]


def _moment(asked: _Asked, request: "HttpRequest") -> tuple[datetime, str]:
    """Return the moment of receipt, and what it is."""
    from digipoort_wus.server.explain import created_in

    if asked.at is not None:
        return _time(asked.at), "as given"
    created = created_in(request)
    if created is None:
        return system_clock(), "now"
    return created, "the message's own Created; its clock is judged with --at"


def _time(text: str) -> datetime:
    if text == "now":
        return system_clock()
    try:
        return parse_date_time(text)
    except ValueError:
        raise click.UsageError(
            f"--at {text!r} is no time: write it as 2026-06-01T12:00:00Z, or now."
        ) from None
