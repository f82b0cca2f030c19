"""``digipoort-wus demo``: the main job once, for real, in plain words."""

import importlib.resources
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from lxml import etree

from digipoort_wus.cli.local_gateway import local_gateway
from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient
    from digipoort_wus.client.results import Status

_END_WITHIN = 30.0
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
def demo(data_dir: Path | None) -> None:
    """Show a whole filing: signed, sent over mutual TLS, checked, delivered, followed.

    Starts a gateway of its own on a free port of this machine, files a VAT return
    that is ours and about nobody, and stops the gateway again. Nothing leaves this
    machine. Exit status 0 when everything happened as it should.
    """
    with tempfile.TemporaryDirectory(prefix="digipoort-wus-demo-") as scratch:
        directory = data_dir or Path(scratch) / "data"
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
    _say("")
    _say("3. Following it with StatusinformatieService")
    _expect(_follow(client, receipt.kenmerk), "500")
    _say("")
    _say("4. Fetching the agency's answer with OphaalService")
    messages = client.messages_of(receipt.kenmerk)
    if len(messages) != 1:
        raise DigipoortError(f"Expected one return message, found {len(messages)}.")
    document = messages[0].document
    _say(f"     {document.file_name}, {document.mime_type}, {len(document.content)} bytes:")
    # The sandbox agency is ours; a real message would be treated as a stranger's.
    root = etree.fromstring(document.content)
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


def _client(directory: Path, urls: tuple[str, ...]) -> "DigipoortClient":
    # zeep takes a third of a second to import; --help should not.
    from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
    from digipoort_wus.pki import profiles
    from digipoort_wus.pki.chain import trust_store
    from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem

    return DigipoortClient(
        Endpoints(*urls),
        identity=load_pem(directory / "vendor-a.pem", directory / "vendor-a.key"),
        trust=trust_store(
            load_certificates(directory / "ca.pem"), load_crls(directory / "crl"), profiles.TEST
        ),
    )


def _say(line: str) -> None:
    click.echo(line)
