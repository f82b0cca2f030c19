"""Writes a CPA for two parties, by code that shares nothing with the package.

One service, with an action each way: what the scenarios of ebms.py send.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

CPA = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
AES256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
SERVICE = "interop:exchange:1$1.0"
OUT, BACK = "deliver", "report"
"""What the first party sends, and the second."""


@dataclass(frozen=True)
class CpaParty:
    """One of the two parties.

    Args:
        oin: under the type urn:osb:oin.
        role: which it has in both directions.
        url: where it takes messages.
        certificate: a PEM file whose first certificate is for TLS and signatures alike.
    """

    oin: str
    role: str
    url: str
    certificate: Path


@dataclass(frozen=True)
class Profile:
    """A profile of Digikoppeling, and how fast it goes.

    Args:
        name: osb-be, osb-rm, or one of these with -s or -e.
        sync: whether signals come in the HTTP answer.
        retries: after the first attempt.
        seconds: between attempts.
    """

    name: str
    sync: bool = False
    retries: int = 3
    seconds: int = 1

    @property
    def reliable(self) -> bool:
        """Return whether acknowledgments are asked for."""
        return "-rm" in self.name

    @property
    def signed(self) -> bool:
        """Return whether messages and acknowledgments are signed."""
        return self.name.endswith(("-s", "-e"))

    @property
    def encrypted(self) -> bool:
        """Return whether payloads are encrypted."""
        return self.name.endswith("-e")


def written(cpa_id: str, first: CpaParty, second: CpaParty, profile: Profile) -> str:
    """Return the CPA."""
    parties = _party(first, "first", "second", OUT, BACK, profile)
    parties += _party(second, "second", "first", BACK, OUT, profile)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<c:CollaborationProtocolAgreement xmlns:c="{CPA}" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:ds="http://www.w3.org/2000/09/xmldsig#" c:cpaid="{cpa_id}" c:version="2_0b">
<c:Status c:value="agreed"/>
<c:Start>2026-01-01T00:00:00Z</c:Start><c:End>2035-12-31T00:00:00Z</c:End>
{parties}<c:SimplePart c:id="envelope" c:mimetype="text/xml"/>
<c:SimplePart c:id="payload" c:mimetype="application/xml"/>
<c:Packaging c:id="package"><c:ProcessingCapabilities c:parse="true" c:generate="true"/>
<c:CompositeList><c:Composite c:id="composite" c:mimetype="multipart/related"
  c:mimeparameters="type=text/xml"><c:Constituent c:idref="envelope"/>
<c:Constituent c:idref="payload" c:minOccurs="0"/></c:Composite></c:CompositeList></c:Packaging>
</c:CollaborationProtocolAgreement>
"""


def _party(
    party: CpaParty, this: str, that: str, sends: str, receives: str, profile: Profile
) -> str:
    certificate = x509.load_pem_x509_certificate(party.certificate.read_bytes())
    octets = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    issuer = x509.load_pem_x509_certificates(party.certificate.read_bytes())[-1]
    anchor = base64.b64encode(issuer.public_bytes(Encoding.DER)).decode()
    never = "always" if profile.reliable else "never"
    signed = "always" if profile.reliable and profile.signed else "never"
    return f"""<c:PartyInfo c:partyName="{this}" c:defaultMshChannelId="{this}_channel"
  c:defaultMshPackageId="package">
<c:PartyId c:type="urn:osb:oin">{party.oin}</c:PartyId>
<c:PartyRef xlink:type="simple" xlink:href=""/>
<c:CollaborationRole>
<c:ProcessSpecification c:name="interop" c:version="1" xlink:type="simple" xlink:href=""/>
<c:Role c:name="{party.role}" xlink:type="simple" xlink:href=""/>
<c:ServiceBinding><c:Service c:type="urn:osb:services">{SERVICE}</c:Service>
{_binding("CanSend", this, that, sends, profile)}
{_binding("CanReceive", this, that, receives, profile)}
</c:ServiceBinding></c:CollaborationRole>
{_certificate(f"{this}_certificate", octets)}
{_certificate(f"{this}_anchor", anchor)}
<c:SecurityDetails c:securityId="{this}_security"><c:TrustAnchors>
<c:AnchorCertificateRef c:certId="{this}_anchor"/></c:TrustAnchors></c:SecurityDetails>
<c:DeliveryChannel c:channelId="{this}_channel" c:transportId="{this}_transport"
  c:docExchangeId="{this}_exchange"><c:MessagingCharacteristics
  c:syncReplyMode="{"mshSignalsOnly" if profile.sync else "none"}"
  c:ackRequested="{never}" c:ackSignatureRequested="{signed}" c:duplicateElimination="{never}"
  c:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"/></c:DeliveryChannel>
<c:Transport c:transportId="{this}_transport">
<c:TransportSender><c:TransportProtocol c:version="1.1">HTTP</c:TransportProtocol>
<c:TransportClientSecurity>
<c:TransportSecurityProtocol c:version="1.2">TLS</c:TransportSecurityProtocol>
<c:ClientCertificateRef c:certId="{this}_certificate"/>
<c:ServerSecurityDetailsRef c:securityId="{this}_security"/></c:TransportClientSecurity>
</c:TransportSender>
<c:TransportReceiver><c:TransportProtocol c:version="1.1">HTTP</c:TransportProtocol>
<c:Endpoint c:uri="{party.url}" c:type="allPurpose"/><c:TransportServerSecurity>
<c:TransportSecurityProtocol c:version="1.2">TLS</c:TransportSecurityProtocol>
<c:ServerCertificateRef c:certId="{this}_certificate"/>
<c:ClientSecurityDetailsRef c:securityId="{this}_security"/></c:TransportServerSecurity>
</c:TransportReceiver></c:Transport>
<c:DocExchange c:docExchangeId="{this}_exchange">
<c:ebXMLSenderBinding c:version="2.0">{_sender(this, profile)}</c:ebXMLSenderBinding>
<c:ebXMLReceiverBinding c:version="2.0">{_receiver(this, profile)}</c:ebXMLReceiverBinding>
</c:DocExchange></c:PartyInfo>
"""


def _binding(direction: str, this: str, that: str, action: str, profile: Profile) -> str:
    other = "CanReceive" if direction == "CanSend" else "CanSend"
    both = "transient-and-persistent"
    signed = both if profile.signed else "transient"
    secret = both if profile.encrypted else "transient"
    demanded = "true" if profile.signed else "false"
    return f"""<c:{direction}><c:ThisPartyActionBinding c:id="{this}_{direction}"
  c:action="{action}" c:packageId="package"><c:BusinessTransactionCharacteristics
  c:isNonRepudiationRequired="{demanded}" c:isNonRepudiationReceiptRequired="{demanded}"
  c:isConfidential="{secret}" c:isAuthenticated="{signed}" c:isTamperProof="{signed}"
  c:isAuthorizationRequired="true"/>
<c:ChannelId>{this}_channel</c:ChannelId></c:ThisPartyActionBinding>
<c:OtherPartyActionBinding>{that}_{other}</c:OtherPartyActionBinding></c:{direction}>"""


def _certificate(name: str, octets: str) -> str:
    return f"""<c:Certificate c:certId="{name}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>
{octets}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></c:Certificate>"""


def _reliable(profile: Profile) -> str:
    if not profile.reliable:
        return ""
    persist = profile.seconds * (profile.retries + 1) + 3600
    return f"""<c:ReliableMessaging><c:Retries>{profile.retries}</c:Retries>
<c:RetryInterval>PT{profile.seconds}S</c:RetryInterval>
<c:MessageOrderSemantics>NotGuaranteed</c:MessageOrderSemantics></c:ReliableMessaging>
<c:PersistDuration>PT{persist}S</c:PersistDuration>"""


def _non_repudiation(which: str, reference: str) -> str:
    return f"""<c:{which}NonRepudiation>
<c:NonRepudiationProtocol>http://www.w3.org/2000/09/xmldsig#</c:NonRepudiationProtocol>
<c:HashFunction>{SHA256}</c:HashFunction>
<c:SignatureAlgorithm>{RSA_SHA256}</c:SignatureAlgorithm>
{reference}</c:{which}NonRepudiation>"""


def _envelope(which: str, reference: str) -> str:
    return f"""<c:{which}DigitalEnvelope>
<c:DigitalEnvelopeProtocol c:version="1.0">XMLENC</c:DigitalEnvelopeProtocol>
<c:EncryptionAlgorithm>{AES256_GCM}</c:EncryptionAlgorithm>
{reference}</c:{which}DigitalEnvelope>"""


def _sender(this: str, profile: Profile) -> str:
    parts = _reliable(profile)
    if profile.signed:
        parts += _non_repudiation(
            "Sender", f'<c:SigningCertificateRef c:certId="{this}_certificate"/>'
        )
    if profile.encrypted:
        parts += _envelope(
            "Sender", f'<c:EncryptionSecurityDetailsRef c:securityId="{this}_security"/>'
        )
    return parts


def _receiver(this: str, profile: Profile) -> str:
    parts = _reliable(profile)
    if profile.signed:
        parts += _non_repudiation(
            "Receiver", f'<c:SigningSecurityDetailsRef c:securityId="{this}_security"/>'
        )
    if profile.encrypted:
        parts += _envelope(
            "Receiver", f'<c:EncryptionCertificateRef c:certId="{this}_certificate"/>'
        )
    return parts
