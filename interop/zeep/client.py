"""A zeep client as anybody writes it, with our two plug-ins.

``client.py URL PKI ALG ACTION [KENMERK]``: see interop/README.md. Everything but the
plug-ins and what they are given is plain zeep and requests.
"""

# ruff: noqa: T201 - a program that prints what it finds.

import sys
from pathlib import Path
from typing import Any

import requests
import zeep

from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.client.wsse import DigipoortAddressing, DigipoortWsse, signer_trust
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.pki.profiles import TEST
from digipoort_wus.wss.policy import SUITES

HERE = Path(__file__).parent
WSDL = HERE.parent.parent / "wsdl"
BAD_ANSWER, FAULT = 3, 4
PARTY = {"nummer": "001000044B37", "type": "Fi"}


class Gateway:
    """The three services of a gateway as zeep proxies.

    Args:
        url: of the gateway, without a path.
        pki: a directory of ``digipoort-wus pki init``.
        algorithm: ``sha1`` or ``sha256``.
    """

    def __init__(self, url: str, pki: Path, algorithm: str) -> None:
        certificate, key = pki / "vendor-a.pem", pki / "vendor-a.key"
        store = trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), TEST)
        self._wsse = DigipoortWsse(
            load_pem(certificate, key), signer_trust(store), SUITES[algorithm]
        )
        self._session = requests.Session()
        # Otherwise REQUESTS_CA_BUNDLE in the environment wins over verify.
        self._session.trust_env = False
        self._session.verify = str(pki / "ca.pem")
        self._session.cert = (str(certificate), str(key))
        self._url = url

    def service(self, name: str) -> Any:
        """Return the proxy of a service, whose methods are its operations."""
        client = zeep.Client(  # type: ignore[no-untyped-call]
            str(WSDL / f"{name}_1.2.wsdl"),
            wsse=self._wsse,
            plugins=[DigipoortAddressing()],
            transport=zeep.Transport(session=self._session),  # type: ignore[no-untyped-call]
            settings=zeep.Settings(strict=True, xml_huge_tree=True),
        )
        (binding,) = client.wsdl.bindings
        address = f"{self._url}/wus/2.0/{name.lower()}/1.2"
        return client.create_service(binding, address)  # type: ignore[no-untyped-call]


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


def run(gateway: Gateway, action: str, kenmerk: str) -> list[str]:
    """Do one action of the interop contract."""
    match action:
        case "file":
            return file(gateway)
        case "statuses":
            return statuses(gateway, kenmerk, "getStatussenProces")
        case "new-statuses":
            return statuses(gateway, kenmerk, "getNieuweStatussenProces")
        case "list":
            return messages(gateway)
        case "by-kenmerk":
            return by_kenmerk(gateway, kenmerk)
        case "all":
            return every_operation(gateway)
    raise SystemExit(f"no such action: {action}")


def main(url: str, pki: str, algorithm: str, action: str, kenmerk: str = "") -> int:
    """Do an action and print what it gives."""
    try:
        lines = run(Gateway(url, Path(pki), algorithm), action, kenmerk)
    except AnswerRefused as error:
        print(error, file=sys.stderr)
        return BAD_ANSWER
    except DigipoortFault as error:
        print(error, file=sys.stderr)
        return FAULT
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
