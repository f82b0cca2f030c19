"""Which faultcode and which four-digit code of Digikoppeling a refusal gets: one table.

The codes 0001 to 0011 and 0051 and their meanings are Digikoppeling's (Best Practices
WUS ch. 3); which check gets which is our reading of them. What is wrong with a signature
or a timestamp has no code there, and is told by the faultcodes of WS-Security 1.1 §12.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from digipoort_wus import checks
from digipoort_wus.errors import Check

_MEANINGS = {
    "0001": "Invalide SOAP-envelop.",
    "0002": "Niet geautoriseerd.",
    "0003": "Invalide SOAPAction.",
    "0004": "Niet conform XSD.",
    "0005": "WS-Addressing-header To ontbreekt of is geen geldig adres.",
    "0006": "WS-Addressing-header Action ontbreekt of is ongeldig.",
    "0007": "WS-Addressing-header MessageID ontbreekt of is ongeldig.",
    "0009": "Niet volgens UTF-8.",
    "0010": "Headers anders dan WS-Addressing-headers.",
    "0011": "WS-Addressing-header heeft een andere waarde dan voorgeschreven.",
    "0051": "Service niet beschikbaar.",
}
_WITHOUT_CODE = {
    "soap:Client": "Het bericht is niet verwerkt.",
    "wsse:InvalidSecurity": "De security-header is niet volgens het profiel.",
    "wsse:InvalidSecurityToken": "Het certificaat in het bericht is onbruikbaar.",
    "wsse:UnsupportedSecurityToken": "Dit soort token wordt niet ondersteund.",
    "wsse:SecurityTokenUnavailable": "Het certificaat van de handtekening is niet gevonden.",
    "wsse:UnsupportedAlgorithm": "Een algoritme of transformatie is niet toegestaan.",
    "wsse:FailedAuthentication": "Het certificaat van de handtekening wordt niet vertrouwd.",
    "wsse:FailedCheck": "De handtekening klopt niet of dekt het bericht niet.",
    "wsu:MessageExpired": "Het bericht is verlopen of ligt in de toekomst.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """How a refusal is told.

    Args:
        faultcode: with the prefix soap, wsa, wsse or wsu.
        code: of four digits, empty where Digikoppeling has none.
        in_body: what is wrong is in the Body, so the fault has a detail.
    """

    faultcode: str
    code: str = ""
    in_body: bool = False

    @property
    def text(self) -> str:
        """Return the Dutch faultstring: the code and its meaning."""
        if not self.code:
            return _WITHOUT_CODE[self.faultcode]
        return f"{self.code}: {_MEANINGS[self.code]}"

    @property
    def is_addressing(self) -> bool:
        """Return whether it is a fault of WS-Addressing."""
        return self.faultcode.startswith("wsa:")


_ENVELOPE = Row("soap:Client", "0001")
_NOT_AUTHORISED = Row("soap:Client", "0002")
_NOT_AUTHENTICATED = Row("wsse:FailedAuthentication", "0002")
_SCHEMA = Row("soap:Client", "0004", in_body=True)
_FOREIGN = Row("soap:Client", "0010")
_NOT_UNDERSTOOD = Row("soap:MustUnderstand", "0010")
_UNAVAILABLE = Row("soap:Server", "0051")
_SECURITY = Row("wsse:InvalidSecurity")
_TOKEN = Row("wsse:InvalidSecurityToken")
_OTHER_TOKEN = Row("wsse:UnsupportedSecurityToken")
_ALGORITHM = Row("wsse:UnsupportedAlgorithm")
_UNTRUSTED = Row("wsse:FailedAuthentication")
_FAILED = Row("wsse:FailedCheck")
_UNLISTED = Row("soap:Client")

ROWS: Mapping[Check, Row] = MappingProxyType(
    {
        checks.MIME_FORM: _ENVELOPE,
        checks.MIME_LIMIT: _ENVELOPE,
        checks.XOP_INCLUDE: _ENVELOPE,
        checks.XML_ENCODING: Row("soap:Client", "0009"),
        checks.XML_DOCTYPE: _ENVELOPE,
        checks.XML_WELL_FORMED: _ENVELOPE,
        checks.XML_INSTRUCTION: _ENVELOPE,
        checks.XML_COMMENT: _ENVELOPE,
        checks.XML_LIMIT: _ENVELOPE,
        checks.XML_CANONICAL: _ENVELOPE,
        checks.SOAP_ENVELOPE: _ENVELOPE,
        checks.SOAP_STRUCTURE: _ENVELOPE,
        checks.SOAP_BODY_CHILD: _ENVELOPE,
        checks.SOAP_BASIC_PROFILE: _ENVELOPE,
        checks.SOAP_HEADER_FOREIGN: _FOREIGN,
        checks.WSA_REQUIRED: Row("wsa:MessageAddressingHeaderRequired", "0011"),
        checks.WSA_UNIQUE: Row("wsa:InvalidCardinality", "0011"),
        checks.WSA_KNOWN: Row("wsa:InvalidAddressingHeader", "0011"),
        checks.WSA_IRI: Row("wsa:InvalidAddress", "0011"),
        checks.WSA_ENDPOINT: Row("wsa:InvalidEPR", "0011"),
        checks.WSA_ACTION: Row("wsa:ActionNotSupported", "0003"),
        checks.WSA_BODY: _SCHEMA,
        checks.WSA_SOAP_ACTION: Row("wsa:ActionMismatch", "0003"),
        checks.WSA_TO: Row("wsa:DestinationUnreachable", "0011"),
        checks.WSA_ANONYMOUS: Row("wsa:OnlyAnonymousAddressSupported", "0011"),
        checks.WSA_OIN: Row("wsa:InvalidAddressingHeader", "0011"),
        checks.WSA_SENDER: _NOT_AUTHORISED,
        checks.WSS_PRESENT: _SECURITY,
        checks.WSS_UNEXPECTED: _FOREIGN,
        checks.WSS_CHILDREN: _SECURITY,
        checks.WSS_ID_UNIQUE: _SECURITY,
        checks.WSS_TOKEN: _TOKEN,
        checks.WSS_KEY_INFO: Row("wsse:SecurityTokenUnavailable"),
        checks.WSS_SIGNATURE_FORM: _SECURITY,
        checks.WSS_ALGORITHM: _ALGORITHM,
        checks.WSS_TRANSFORM: _ALGORITHM,
        checks.WSS_REF_LIMIT: _SECURITY,
        checks.WSS_REF_TARGET: _FAILED,
        checks.WSS_REF_UNIQUE: _SECURITY,
        checks.WSS_COVERAGE: _FAILED,
        checks.WSS_TIMESTAMP_FORM: _SECURITY,
        checks.PKI_CHAIN: _UNTRUSTED,
        checks.PKI_VALIDITY: _UNTRUSTED,
        checks.PKI_REVOKED: _UNTRUSTED,
        checks.PKI_CRL: _UNTRUSTED,
        checks.PKI_KEY: _TOKEN,
        checks.PKI_PURPOSE: _UNTRUSTED,
        checks.PKI_POLICY: _UNTRUSTED,
        checks.PKI_OIN: _NOT_AUTHENTICATED,
        checks.WSS_SIGNATURE: _FAILED,
        checks.WSS_DIGEST: _FAILED,
        checks.WSS_ENGINES: _FAILED,
        checks.WSS_EXPIRED: Row("wsu:MessageExpired"),
        checks.WSS_SIGNER: _NOT_AUTHENTICATED,
        checks.WSS_REPLAY: _FAILED,
        checks.XSD_VALID: _SCHEMA,
        checks.XSD_BASE64: _SCHEMA,
        checks.XSD_INHOUD_SIZE: _SCHEMA,
        checks.ATTACHMENT_LIMIT: _SCHEMA,
        checks.PARTY_IDENTIFIED: _NOT_AUTHORISED,
        checks.PARTY_ENABLED: _NOT_AUTHORISED,
        checks.PARTY_AUTHORISED: _NOT_AUTHORISED,
        checks.PARTY_RATE: _UNAVAILABLE,
        checks.PARTY_VOLUME: _UNAVAILABLE,
        checks.OVERLOAD: _UNAVAILABLE,
        checks.TECHNICAL: _UNAVAILABLE,
    }
)
"""By check; every check that a service of Digikoppeling can meet stands here."""

ROWS_ABOUT: Mapping[tuple[Check, str], Row] = MappingProxyType(
    {
        (checks.SOAP_ENVELOPE, "Envelope"): Row("soap:VersionMismatch", "0001"),
        (checks.SOAP_BODY_CHILD, "empty"): _SCHEMA,
        (checks.SOAP_HEADER_FOREIGN, "mustUnderstand"): _NOT_UNDERSTOOD,
        (checks.WSS_UNEXPECTED, "mustUnderstand"): _NOT_UNDERSTOOD,
        (checks.WSA_REQUIRED, "To"): Row("wsa:MessageAddressingHeaderRequired", "0005"),
        (checks.WSA_REQUIRED, "Action"): Row("wsa:MessageAddressingHeaderRequired", "0006"),
        (checks.WSA_REQUIRED, "MessageID"): Row("wsa:MessageAddressingHeaderRequired", "0007"),
        (checks.WSA_IRI, "To"): Row("wsa:InvalidAddress", "0005"),
        (checks.WSA_IRI, "Action"): Row("wsa:InvalidAddressingHeader", "0006"),
        (checks.WSA_IRI, "MessageID"): Row("wsa:InvalidAddressingHeader", "0007"),
        (checks.WSS_CHILDREN, "token"): _OTHER_TOKEN,
        (checks.WSS_TOKEN, "type"): _OTHER_TOKEN,
    }
)
"""Where it depends on what the refusal is about."""


def row_of(check: Check, about: str = "") -> Row:
    """Return how a refusal is told: by check, and where it matters by what it is about."""
    return ROWS_ABOUT.get((check, about)) or ROWS.get(check, _UNLISTED)
