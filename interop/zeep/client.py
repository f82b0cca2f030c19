"""A zeep client as anybody writes it, with our two plug-ins.

``client.py URL PKI ALG ACTION [KENMERK|TEXT]``: see interop/README.md. Everything but
the plug-ins and what they are given is plain zeep and requests; so is all of 2W-be,
where nothing is signed.
"""

# ruff: noqa: T201 - a program that prints what it finds.

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import zeep
from lxml import etree
from zeep.plugins import HistoryPlugin

from digipoort_wus.client.digikoppeling import ServiceFault, answer_to, request_of
from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.client.wsse import DigipoortAddressing, DigipoortWsse, signer_trust
from digipoort_wus.names import ECHO_BE_S, SOAP, WSA
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import Identity, load_certificates, load_crls, load_pem
from digipoort_wus.pki.profiles import TEST
from digipoort_wus.wss.policy import (
    DIGIKOPPELING_3_0_BE_S,
    SUITE_SHA1,
    SUITE_SHA256,
    SUITE_SHA512,
    SUITES,
)
from digipoort_wus.wss.verify import Trust

HERE = Path(__file__).parent
WSDL = HERE.parent.parent / "wsdl"
BAD_ANSWER, FAULT = 3, 4
PARTY = {"nummer": "001000044B37", "type": "Fi"}
ECHO_SUITES = {suite.name: suite for suite in (SUITE_SHA1, SUITE_SHA256, SUITE_SHA512)}


class BadAnswerError(Exception):
    """An answer is not to the request that was sent."""


class SigningTransport(zeep.Transport):
    """Signs and judges as 2W-be-S wants it, between zeep and the wire.

    zeep reads an answer from the octets that were judged here.
    """

    def __init__(
        self, session: requests.Session, identity: Identity, trust: Trust, algorithm: str
    ) -> None:
        super().__init__(session=session)  # type: ignore[no-untyped-call]
        self._identity, self._trust = identity, trust
        self._suite = ECHO_SUITES[algorithm]

    def post_xml(
        self, address: str, envelope: etree._Element, headers: dict[str, str]
    ) -> requests.Response:
        """Send a request, and give back an answer that is right."""
        (operation,) = ECHO_BE_S.operations
        sent = request_of(
            envelope,
            ECHO_BE_S,
            operation,
            policy=DIGIKOPPELING_3_0_BE_S,
            identity=self._identity,
            suite=self._suite,
        )
        response: requests.Response = self.post(  # type: ignore[no-untyped-call]
            address, sent.octets, headers
        )
        answer_to(
            sent,
            response.content,
            policy=DIGIKOPPELING_3_0_BE_S,
            trust=self._trust,
            now=datetime.now(UTC),
        )
        return response


class Gateway:
    """The services of a gateway as zeep proxies.

    Args:
        url: of the gateway, without a path.
        pki: a directory of ``digipoort-wus pki init``.
        algorithm: ``none``, ``sha1``, ``sha256`` or ``sha512``.
    """

    def __init__(self, url: str, pki: Path, algorithm: str) -> None:
        certificate, key = pki / "vendor-a.pem", pki / "vendor-a.key"
        store = trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), TEST)
        self._identity, self._trust = load_pem(certificate, key), signer_trust(store)
        self._algorithm = algorithm
        self._session = requests.Session()
        # Otherwise REQUESTS_CA_BUNDLE in the environment wins over verify.
        self._session.trust_env = False
        self._session.verify = str(pki / "ca.pem")
        self._session.cert = (str(certificate), str(key))
        self._url = url

    def service(self, name: str) -> Any:
        """Return the proxy of a service, whose methods are its operations."""
        wsse = DigipoortWsse(self._identity, self._trust, SUITES[self._algorithm])
        client = zeep.Client(  # type: ignore[no-untyped-call]
            str(WSDL / f"{name}_1.2.wsdl"),
            wsse=wsse,
            plugins=[DigipoortAddressing()],
            transport=zeep.Transport(session=self._session),  # type: ignore[no-untyped-call]
            settings=zeep.Settings(strict=True, xml_huge_tree=True),
        )
        (binding,) = client.wsdl.bindings
        address = f"{self._url}/wus/2.0/{name.lower()}/1.2"
        return client.create_service(binding, address)  # type: ignore[no-untyped-call]

    def echo(self) -> tuple[Any, HistoryPlugin]:
        """Return the proxy of Echo, and what remembers its messages."""
        signs = self._algorithm != "none"
        transport = (
            SigningTransport(self._session, self._identity, self._trust, self._algorithm)
            if signs
            else zeep.Transport(session=self._session)  # type: ignore[no-untyped-call]
        )
        history = HistoryPlugin()  # type: ignore[no-untyped-call]
        client = zeep.Client(  # type: ignore[no-untyped-call]
            str(WSDL / "EchoService_1.wsdl"),
            # The WSDL names actions: zeep adds the wsa headers by itself, a plug-in does it twice.
            plugins=[history],
            transport=transport,
        )
        (binding,) = client.wsdl.bindings
        address = f"{self._url}/digikoppeling/2W-be{'-S' * signs}/echo"
        return client.create_service(binding, address), history  # type: ignore[no-untyped-call]


def echo(gateway: Gateway, text: str) -> list[str]:
    """Send a text, and its octets as data; give both as they came back."""
    service, history = gateway.echo()
    answer = service.echo(text=text, data=text.encode())
    message_id = _header(history.last_sent, "MessageID")
    related = _header(history.last_received, "RelatesTo")
    # zeep does not look at it.
    if related != message_id:
        raise BadAnswerError(f"wsa:RelatesTo is {related}, not {message_id}")
    return [answer.text, answer.data.decode()]


def _header(message: Any, name: str) -> str:
    return str(message["envelope"].findtext(f"{{{SOAP}}}Header/{{{WSA}}}{name}"))


def file(gateway: Gateway) -> list[str]:
    """File the return and give its kenmerk."""
    answer = gateway.service("AanleverService").aanleveren(
        berichtsoort="Omzetbelasting",
        aanleverkenmerk="interop-zeep",
        identiteitBelanghebbende=PARTY,
        rolBelanghebbende="Bedrijf",
        berichtInhoud={
            "mimeType": "application/xml",
            "bestandsnaam": "Omzetbelasting.xbrl",
            "inhoud": (HERE.parent / "filing.xbrl").read_bytes(),
        },
        autorisatieAdres="http://geenausp.nl",
    )
    return [answer.kenmerk]


def statuses(gateway: Gateway, kenmerk: str, operation: str) -> list[str]:
    """Give the status codes of a filing."""
    service = gateway.service("StatusinformatieService")
    return [status.statuscode for status in service[operation](kenmerk=kenmerk)]


def messages(gateway: Gateway) -> list[str]:
    """Give the kenmerk of every message in the mailbox."""
    found = gateway.service("OphaalService").getBerichtenLijst()
    # zeep hands over None where a list is empty.
    return [message.kenmerk for message in found or ()]


def by_kenmerk(gateway: Gateway, kenmerk: str) -> list[str]:
    """Give name and size of the messages about a filing."""
    found = gateway.service("OphaalService").getBerichtenKenmerk(kenmerk=kenmerk)
    contents = [message.berichtInhoud for message in found]
    return [f"{content.bestandsnaam} {len(content.inhoud)}" for content in contents]


def every_operation(gateway: Gateway) -> list[str]:
    """Use all twelve operations, and give the name of each with the number of its results."""
    (kenmerk,) = file(gateway)
    status, mailbox = gateway.service("StatusinformatieService"), gateway.service("OphaalService")
    about: dict[str, object] = {"berichtsoort": "Omzetbelasting", "identiteitBelanghebbende": PARTY}
    calls: list[tuple[Any, str, dict[str, object]]] = [
        (status, "getBerichtsoorten", {"identiteitBelanghebbende": PARTY}),
        (status, "getProcessen", about),
        (status, "getStatussenProces", {"kenmerk": kenmerk}),
        (status, "getNieuweStatussenProces", {"kenmerk": kenmerk}),
        (status, "getNieuweStatussen", about),
        (mailbox, "getBerichten", {"identiteitBelanghebbende": PARTY}),
        (mailbox, "getNieuweBerichten", {"identiteitBelanghebbende": PARTY}),
        (mailbox, "getBerichtenLijst", {}),
        (mailbox, "getNieuweBerichtenLijst", {}),
        (mailbox, "getBerichtenKenmerk", {"kenmerk": kenmerk}),
        (mailbox, "getNieuweBerichtenKenmerk", {"kenmerk": kenmerk}),
    ]
    lines = ["aanleveren 1"]
    for service, operation, arguments in calls:
        lines.append(f"{operation} {len(service[operation](**arguments) or ())}")
    return lines


def run(gateway: Gateway, action: str, about: str) -> list[str]:
    """Do one action of the interop contract."""
    match action:
        case "file":
            return file(gateway)
        case "statuses":
            return statuses(gateway, about, "getStatussenProces")
        case "new-statuses":
            return statuses(gateway, about, "getNieuweStatussenProces")
        case "list":
            return messages(gateway)
        case "by-kenmerk":
            return by_kenmerk(gateway, about)
        case "echo":
            return echo(gateway, about)
        case "all":
            return every_operation(gateway)
    raise SystemExit(f"no such action: {action}")


def main(url: str, pki: str, algorithm: str, action: str, about: str = "") -> int:
    """Do an action and print what it gives."""
    try:
        lines = run(Gateway(url, Path(pki), algorithm), action, about)
    except (AnswerRefused, BadAnswerError) as error:
        print(error, file=sys.stderr)
        return BAD_ANSWER
    except (DigipoortFault, ServiceFault) as error:
        print(error, file=sys.stderr)
        return FAULT
    except zeep.exceptions.Fault as error:
        print(f"fault: {error.code}: {error.message}", file=sys.stderr)
        return FAULT
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
