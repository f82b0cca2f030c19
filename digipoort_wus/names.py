"""Names fixed by the standards and by the Digipoort interface: URIs, actions, paths."""

from dataclasses import dataclass
from types import MappingProxyType

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSA_ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
WSA_NONE = "http://www.w3.org/2005/08/addressing/none"
WSA_REPLY = "http://www.w3.org/2005/08/addressing/reply"
WSA_UNSPECIFIED = "http://www.w3.org/2005/08/addressing/unspecified"
WSA_FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
"""Of a SOAP or WS-Security fault that no WSDL declares."""
WSA_ADDRESSING_FAULT_ACTION = "http://www.w3.org/2005/08/addressing/fault"
"""Of a fault of WS-Addressing."""
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = _WSS + "wssecurity-secext-1.0.xsd"
WSU = _WSS + "wssecurity-utility-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
X509_V3 = _WSS + "x509-token-profile-1.0#X509v3"
BASE64_BINARY = _WSS + "soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DS + "enveloped-signature"

SHA1 = DS + "sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
RSA_SHA1 = DS + "rsa-sha1"
_MORE_RSA, _MORE_PSS = (
    f"http://www.w3.org/{year}/xmldsig-more#{{}}" for year in ("2001/04", "2007/05")
)
RSA_SHA256, RSA_SHA384, RSA_SHA512 = (_MORE_RSA.format(f"rsa-sha{n}") for n in (256, 384, 512))
PSS_SHA256, PSS_SHA384, PSS_SHA512 = (_MORE_PSS.format(f"sha{n}-rsa-MGF1") for n in (256, 384, 512))

TYPES = "http://logius.nl/digipoort/koppelvlakservices/1.2/"
ECHO = "urn:digipoort-wus:echo:1"
"""Namespace of our Echo service and of its elements."""
BERICHTEN = "urn:digipoort-wus:berichten:1.0"
"""Namespace of our service for return messages and of its elements."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service: WSDL name, body elements (local names), action stem."""

    name: str
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service at one set of addresses, and the constants of its wire form."""

    name: str
    """What it is called here; of Digipoort's services also in actions: ``AanleverService``."""
    namespace: str
    """Target namespace of the WSDL."""
    types: str
    """Namespace of the elements in the Body."""
    port_type: str
    """Name of port type, port and wsdl:service."""
    stems: tuple[str, ...]
    """What actions begin with: the current stem, then those that requests may also use."""
    delimiter: str
    """Between the parts of an action."""
    paths: tuple[str, ...]
    """URL paths: the current one first, then the alias of the older generation."""
    policy: str
    """Name of the security policy of all its operations, in both directions."""
    fault: str
    """Local name of the fault detail element."""
    fault_name: str
    """Last part of the action of a fault."""
    fault_prefix: str
    """First three characters of its fault codes; empty where the codes are Digikoppeling's."""
    wsdl: str
    """Name of the file of its WSDL."""
    xsd: str
    """Name of the file of its schema."""
    content: str
    """Local name of the elements that hold base64 of any size."""
    operations: tuple[Operation, ...]

    def request_action(self, operation: Operation) -> str:
        """Return the wsa:Action (and SOAPAction) of a request."""
        return self.request_actions(operation)[0]

    def request_actions(self, operation: Operation) -> tuple[str, ...]:
        """Return every accepted wsa:Action of a request: the current one first.

        WCF derives another from the port type's name.
        """
        return tuple(f"{stem}{self.delimiter}{operation.name}Request" for stem in self.stems)

    def response_action(self, operation: Operation) -> str:
        """Return the wsa:Action of an answer."""
        return f"{self.stems[0]}{self.delimiter}{operation.name}Response"

    def fault_action(self, operation: Operation) -> str:
        """Return the wsa:Action of a fault; of Digipoort's, the slash at the end is part of it."""
        return self.delimiter.join((self.stems[0], operation.name, "Fault", self.fault_name))


def _operations(*names: str) -> tuple[Operation, ...]:
    return tuple(Operation(name, f"{name}Request", f"{name}Response") for name in names)


def _digipoort(
    name: str, fault: str, fault_prefix: str, operations: tuple[Operation, ...], *older: str
) -> Service:
    lower = name.lower()
    namespace, port_type = f"http://logius.nl/digipoort/wus/2.0/{lower}/1.2/", f"{name}_V1_2"
    return Service(
        name=name,
        namespace=namespace,
        types=TYPES,
        port_type=port_type,
        stems=(namespace + name, namespace + port_type),
        delimiter="/",
        paths=(f"/wus/2.0/{lower}/1.2", f"/cpl/{lower}/1.2", *older),
        policy="digipoort-1.2",
        fault=fault,
        fault_name="",
        fault_prefix=fault_prefix,
        wsdl=f"{name}_1.2.wsdl",
        xsd="digipoort-koppelvlak-1.2.xsd",
        content="inhoud",
        operations=operations,
    )


def _echo(profile: str) -> Service:
    return Service(
        name=f"EchoService-{profile}",
        namespace=ECHO,
        types=ECHO,
        port_type="EchoService",
        # The pattern of WS-Addressing Metadata 4.4.4, so that tools come to the same by themselves.
        stems=(f"{ECHO}:EchoService",),
        delimiter=":",
        paths=(f"/digikoppeling/{profile}/echo",),
        policy=f"digikoppeling-3.0-{profile.removeprefix('2W-')}",
        fault="echoFault",
        fault_name="echoFault",
        fault_prefix="",
        wsdl="EchoService_1.wsdl",
        xsd="echo-1.xsd",
        content="data",
        operations=(Operation("echo", "echoRequest", "echoResponse"),),
    )


AANLEVER = _digipoort(
    "AanleverService",
    "aanleverFault",
    "ALS",
    # The element is aanleverRequest although action and operation say aanleveren.
    (Operation("aanleveren", "aanleverRequest", "aanleverResponse"),),
)
STATUSINFORMATIE = _digipoort(
    "StatusinformatieService",
    "statusinformatieFault",
    "STS",
    _operations(
        "getBerichtsoorten",
        "getProcessen",
        "getStatussenProces",
        "getNieuweStatussenProces",
        "getNieuweStatussen",
    ),
)
OPHAAL = _digipoort(
    "OphaalService",
    "ophaalFault",
    "OPH",
    _operations(
        "getBerichten",
        "getNieuweBerichten",
        "getBerichtenLijst",
        "getNieuweBerichtenLijst",
        "getBerichtenKenmerk",
        "getNieuweBerichtenKenmerk",
    ),
    "/cpl/ophaalservice/services/OphaalService_V1_2",
)
ECHO_BE = _echo("2W-be")
"""Our Echo service of Digikoppeling's profile without signatures."""
ECHO_BE_S = _echo("2W-be-S")
"""Our Echo service of Digikoppeling's profile with signatures."""
ZET_STATUS = _digipoort(
    "ZetStatusService",
    "zetStatusFault",
    "ZST",
    _operations("zetStatus"),
)
"""Where an agency reports what it made of a filing; no public WSDL, so all of it but the
elements is inferred."""
AANBIED = Service(
    name="AanbiedService",
    namespace=BERICHTEN,
    types=BERICHTEN,
    port_type="AanbiedService",
    stems=(f"{BERICHTEN}:AanbiedService",),
    delimiter=":",
    paths=("/digipoort-wus/berichten/1.0",),
    policy="digipoort-1.2",
    fault="aanbiedFault",
    fault_name="aanbiedFault",
    fault_prefix="BER",
    wsdl="AanbiedService_1.0.wsdl",
    xsd="berichten-1.0.xsd",
    content="inhoud",
    operations=(Operation("aanbieden", "aanbiedRequest", "aanbiedResponse"),),
)
"""Where an agency offers a message for a mailbox: ours."""
SERVICES = MappingProxyType(
    {service.name: service for service in (AANLEVER, STATUSINFORMATIE, OPHAAL)}
)
"""The services of Digipoort for companies, by name."""
FOR_AGENCIES = MappingProxyType({service.name: service for service in (ZET_STATUS, AANBIED)})
"""What agencies call on a gateway, by name."""
ENDPOINTS = MappingProxyType(
    {
        **SERVICES,
        **FOR_AGENCIES,
        **{service.name: service for service in (ECHO_BE, ECHO_BE_S)},
    }
)
"""Every service that a gateway serves, by name."""
AFLEVER = _digipoort(
    "AfleverService",
    "afleverFault",
    "AFL",
    (Operation("afleveren", "afleverRequest", "afleverResponse"),),
)
"""What an agency serves and the gateway calls; no public WSDL, so all of it but the elements
is inferred."""
AGENCY_SERVICES = MappingProxyType({AFLEVER.name: AFLEVER})
"""The services of agencies, by name."""
NO_AUTHORISATION_SERVICE = "http://geenausp.nl"
"""The ``autorisatieAdres`` that says: no authorisation service (a slash may follow)."""
