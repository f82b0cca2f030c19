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
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = _WSS + "wssecurity-secext-1.0.xsd"
WSU = _WSS + "wssecurity-utility-1.0.xsd"
X509_V3 = _WSS + "x509-token-profile-1.0#X509v3"
BASE64_BINARY = _WSS + "soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DS + "enveloped-signature"

SHA1 = DS + "sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA1 = DS + "rsa-sha1"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

TYPES = "http://logius.nl/digipoort/koppelvlakservices/1.2/"
_TNS = "http://logius.nl/digipoort/wus/2.0/{}/1.2/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service: WSDL name, body elements (local names in TYPES), action stem."""

    name: str
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class Service:
    """One Digipoort service of version 1.2 and the constants of its wire form."""

    name: str
    """Without version, as it stands in actions: ``AanleverService``."""
    namespace: str
    """Target namespace; ends in a slash."""
    fault: str
    """Local name of the fault detail element."""
    fault_prefix: str
    """First three characters of its fault codes."""
    operations: tuple[Operation, ...]

    @property
    def port_type(self) -> str:
        """Name of port type, port and wsdl:service."""
        return f"{self.name}_V1_2"

    @property
    def paths(self) -> tuple[str, ...]:
        """URL paths: the current one first, then the alias of the older generation."""
        lower = self.name.lower()
        older = {"OphaalService": "/cpl/ophaalservice/services/OphaalService_V1_2"}
        paths = (f"/wus/2.0/{lower}/1.2", f"/cpl/{lower}/1.2")
        return (*paths, older[self.name]) if self.name in older else paths

    def request_action(self, operation: Operation) -> str:
        """Return the wsa:Action (and SOAPAction) of a request."""
        return f"{self.namespace}{self.name}/{operation.name}Request"

    def request_action_alias(self, operation: Operation) -> str:
        """Return the action that WCF derives from the port type's name."""
        return f"{self.namespace}{self.port_type}/{operation.name}Request"

    def response_action(self, operation: Operation) -> str:
        """Return the wsa:Action of an answer."""
        return f"{self.namespace}{self.name}/{operation.name}Response"

    def fault_action(self, operation: Operation) -> str:
        """Return the wsa:Action of a fault; the slash at the end is part of it."""
        return f"{self.namespace}{self.name}/{operation.name}/Fault/"


def _operations(*names: str) -> tuple[Operation, ...]:
    return tuple(Operation(name, f"{name}Request", f"{name}Response") for name in names)


AANLEVER = Service(
    "AanleverService",
    _TNS.format("aanleverservice"),
    "aanleverFault",
    "ALS",
    # The element is aanleverRequest although action and operation say aanleveren.
    (Operation("aanleveren", "aanleverRequest", "aanleverResponse"),),
)
STATUSINFORMATIE = Service(
    "StatusinformatieService",
    _TNS.format("statusinformatieservice"),
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
OPHAAL = Service(
    "OphaalService",
    _TNS.format("ophaalservice"),
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
)
SERVICES = MappingProxyType(
    {service.name: service for service in (AANLEVER, STATUSINFORMATIE, OPHAAL)}
)
NO_AUTHORISATION_SERVICE = "http://geenausp.nl"
"""The ``autorisatieAdres`` that says: no authorisation service (a slash may follow)."""
