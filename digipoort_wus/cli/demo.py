"""``digipoort-wus demo``: the main job once, for real, in plain words."""

import importlib.resources
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from lxml import etree

from digipoort_wus.cli.local_gateway import (
    LocalAgency,
    free_port,
    local_agency,
    local_gateway,
)
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient
    from digipoort_wus.client.results import Status

_END_WITHIN = 30.0
_AGENCY = "agency"
"""Its certificate in a test PKI."""
_BERICHTSOORT = "Omzetbelasting"
_OWNER = Party("001000044B37", "Fi")
_SOMEBODY_ELSE = Party("002000089B01", "Fi")

_IN_PLAIN_WORDS = {
    "105": "the gateway started to check the message",
    "100": "it was received and stored; this is the legal moment of receipt",
    "110": "it was handed to the process behind the door",
    "200": "the sender may file this",
    "301": "a validation step found nothing wrong",
    "311": "validation found the filing wrong; it goes no further",
    "405": "delivery to the agency began",
    "400": "the agency has it",
    "500": "the agency accepts it: done",
}


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the gateway's data here instead of in a directory that is deleted at the end.",
)
@click.option(
    "--agency",
    is_flag=True,
    help="Deliver to an example agency, a process of its own, which reports by zetStatus.",
)
def demo(data_dir: Path | None, agency: bool) -> None:
    """Show a whole filing: signed, sent over mutual TLS, checked, delivered, followed.

    Starts a gateway of its own on a free port of this machine, files a VAT return
    that is ours and about nobody, and stops the gateway again. With --agency it starts
    an example agency as well, and shows what passes between the two. Nothing leaves
    this machine. Exit status 0 when everything happened as it should.
    """
    with tempfile.TemporaryDirectory(prefix="digipoort-wus-demo-") as scratch:
        directory = data_dir or Path(scratch) / "data"
        if agency:
            _with_agency(directory)
            return
        _say("1. Starting a gateway: test certificates, a store, TLS with client certificates")
        with local_gateway(directory) as gateway:
            urls = gateway.urls
            for name, url in zip(("deliver", "status", "fetch"), urls, strict=True):
                _say(f"     {name:8} {url}")
            with _client(directory, urls) as client:
                _file_and_follow(client)
                _file_for_somebody_else(client)
    _say("")
    _say("That is the whole job. Next: `digipoort-wus serve` and point your own software at it;")
    _say("the README says how for C#, Java, PHP, Node and Python.")


def _file_and_follow(client: "DigipoortClient") -> None:
    kenmerk = _file(client)
    _say("")
    _say("3. Following it with StatusinformatieService")
    _expect(_follow(client, kenmerk), "500")
    _say("")
    _say("4. Fetching the agency's answer with OphaalService")
    _fetch(client, kenmerk)


def _with_agency(directory: Path) -> None:
    _say("1. Starting an example agency and a gateway that delivers to it")
    with _both(directory) as (urls, agency), _client(directory / "pki", urls) as client:
        kenmerk = _file(client)
        _say("")
        _say("3. Following it: 400 is the agency's signed receipt, 500 its report (zetStatus)")
        _expect(_follow(client, kenmerk), "500")
        _say("")
        _say("4. What the agency says that it did")
        for line in _said_of(agency.log, kenmerk):
            _say(f"     {line}")
        _say("")
        _say("5. Fetching the agency's message with OphaalService, as vendor-a")
        _fetch(client, kenmerk)
    _say("")
    _say("That was three parties over mutual TLS, every message signed. Next: an agency that is")
    _say("slow, down, or loses answers (`digipoort-wus agency --help`, docs/how-to/agency.md).")


@contextmanager
def _both(directory: Path) -> "Iterator[tuple[tuple[str, ...], LocalAgency]]":
    """Run an agency and a gateway, each as one would by hand; yield the gateway's URLs."""
    from digipoort_wus.pki.identity import load_certificates
    from digipoort_wus.pki.oin import oin_of
    from digipoort_wus.pki.testpki import make_pki, write_pki

    pki, settings = directory / "pki", directory / "gateway.toml"
    if not (pki / "ca.pem").exists():
        _say("     making test certificates (a few seconds)")
        directory.mkdir(parents=True, exist_ok=True)
        write_pki(make_pki("g1", now=system_clock()), pki)
    # Each must know where the other is before both run.
    port = free_port()
    reports_to = ("--gateway", f"https://localhost:{port}")
    with local_agency(directory / "agency", "--pki-dir", str(pki), *reports_to) as agency:
        oin = oin_of(load_certificates(pki / f"{_AGENCY}.pem")[0])
        lines = (
            'data_dir = "gateway"',
            'pki_dir = "pki"',
            "[[agency]]",
            'name = "example"',
            f'oin = "{oin}"',
            f'url = "{agency.url}"',
            f'berichtsoorten = ["{_BERICHTSOORT}"]',
        )
        settings.write_text("\n".join((*lines, "")), encoding="utf-8")
        named = ("--config", str(settings), "--port", str(port))
        with local_gateway(directory / "gateway", *named) as gateway:
            _say(f"     agency   {agency.url}")
            _say(f"     gateway  {gateway.urls[0]}")
            _say("     its configuration:")
            for line in lines:
                _say(f"       {line}")
            yield gateway.urls, agency


def _said_of(log: Path, kenmerk: str) -> tuple[str, ...]:
    """Return what an agency logged of a filing, without time and level.

    The gateway commits a report before it answers, so the last line may be a moment late.
    """
    end = time.monotonic() + _END_WITHIN
    while True:
        lines = tuple(
            line[line.index("kenmerk ") :]
            for line in log.read_text(encoding="utf-8").splitlines()
            if f"kenmerk {kenmerk}" in line
        )
        if lines and lines[-1].endswith("was reported"):
            return lines
        if time.monotonic() > end:
            raise DigipoortError(f"The agency did not report; its log is {log}.")
        time.sleep(0.05)


def _file(client: "DigipoortClient") -> str:
    """File a VAT return and return its kenmerk."""
    _say("")
    _say("2. Filing a VAT return (XBRL) as vendor-a, for the company 001000044B37")
    receipt = client.submit(
        _document(),
        berichtsoort=_BERICHTSOORT,
        belanghebbende=_OWNER,
        rol_belanghebbende="Intermediair",
        aanleverkenmerk="demo-1",
    )
    _say("     signed with RSA-SHA256, sent over mutual TLS; the signed answer was verified")
    _say(f"     kenmerk  {receipt.kenmerk}")
    _say(f"     received {receipt.received_at:%Y-%m-%d %H:%M:%S} UTC")
    return receipt.kenmerk


def _fetch(client: "DigipoortClient", kenmerk: str) -> None:
    messages = client.messages_of(kenmerk)
    if len(messages) != 1:
        raise DigipoortError(f"Expected one return message, found {len(messages)}.")
    document = messages[0].document
    content = read_content(document.content)
    _say(f"     {document.file_name}, {document.mime_type}, {len(content)} bytes:")
    # The agency is ours; a real message would be treated as a stranger's.
    root = etree.fromstring(content)
    for element in root:
        _say(f"       {etree.QName(element).localname}: {element.text}")


def _file_for_somebody_else(client: "DigipoortClient") -> None:
    _say("")
    _say("5. Filing the same document in the name of another company: a mistake")
    receipt = client.submit(
        _document(),
        berichtsoort=_BERICHTSOORT,
        belanghebbende=_SOMEBODY_ELSE,
        aanleverkenmerk="demo-2",
    )
    statuses = _follow(client, receipt.kenmerk)
    _expect(statuses, "311")
    error = statuses[-1].error
    if error is None:
        raise DigipoortError("Status 311 came without a reason.")
    _say(f"     reason {error.code}: {error.text}")


def _follow(client: "DigipoortClient", kenmerk: str) -> "tuple[Status, ...]":
    def show(status: "Status") -> None:
        plain = _IN_PLAIN_WORDS.get(status.code, "")
        _say(f"     {status.code}  {status.text:46} {plain}")

    return client.wait(kenmerk, timeout=_END_WITHIN, on_status=show)


def _expect(statuses: "tuple[Status, ...]", last: str) -> None:
    if not statuses or statuses[-1].code != last:
        raise DigipoortError(f"The filing should have ended in {last}; it did not.")


def _document() -> Document:
    source = importlib.resources.files("digipoort_wus.cli") / "omzetbelasting.xbrl"
    return Document("application/xml", "Omzetbelasting.xbrl", source.read_bytes())


def _client(pki: Path, urls: tuple[str, ...]) -> "DigipoortClient":
    # zeep takes a third of a second to import; --help should not.
    from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
    from digipoort_wus.pki import profiles
    from digipoort_wus.pki.chain import trust_store
    from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem

    return DigipoortClient(
        Endpoints(*urls),
        identity=load_pem(pki / "vendor-a.pem", pki / "vendor-a.key"),
        trust=trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), profiles.TEST),
    )


def _say(line: str) -> None:
    click.echo(line)
