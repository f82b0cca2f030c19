"""What to do about a failed check, where no cause says it."""

from collections.abc import Mapping
from types import MappingProxyType

from digipoort_wus.errors import Refusal
from digipoort_wus.wss.causes.table import Found

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "MIME-FORM": "Send text/xml, or an MTOM package: the envelope first, then the "
        "parts that it names.",
        "MIME-LIMIT": "Send fewer parts, with the headers that MTOM needs and no others.",
        "XOP-INCLUDE": "Let each xop:Include be all that is in its inhoud, and name a "
        "part of the message by cid.",
        "XML-LIMIT": "Make the message smaller; contents belong into inhoud, in base64.",
        "XML-CANONICAL": "Use absolute namespace names.",
        "SOAP-STRUCTURE": "Send one Header and then one Body, and no text between them.",
        "SOAP-BODY-CHILD": "Put exactly one element into the Body (document/literal).",
        "SOAP-BASIC-PROFILE": "Leave encodingStyle out; write mustUnderstand as 0 or 1.",
        "WSA-UNIQUE": "Send each wsa header once.",
        "WSA-KNOWN": "Send the headers of WS-Addressing 1.0 only.",
        "WSA-IRI": "Write absolute URIs; a MessageID as urn:uuid: and a UUID.",
        "WSA-ENDPOINT": "Put one wsa:Address, and nothing else, into ReplyTo, FaultTo and From.",
        "WSA-OIN": "Name one OIN of 20 characters in the query of the address, or none.",
        "WSA-SENDER": "Put your own OIN into wsa:From, or have a mandate registered.",
        "WSS-UNEXPECTED": "Leave the signature out, or use the address of profile 2W-be-S.",
        "WSS-SIGNATURE-FORM": "Sign with SignedInfo, SignatureValue and KeyInfo only, each "
        "Reference with Transforms, and base64 without stray characters.",
        "WSS-REF-LIMIT": "Sign the parts that must be signed, once each.",
        "WSS-REF-UNIQUE": "Sign each part once.",
        "WSS-CONFIRMATION": "Send SignatureConfirmation in answers only.",
        "WSS-ENGINES": "This is for the gateway: store the message and report it.",
        "XSD-INHOUD-SIZE": "Split the document: the limit is of the contract.",
        "ATTACHMENT-LIMIT": "Send fewer attachments.",
        "PARTY-IDENTIFIED": "Connect with a client certificate; here, name it with --cert.",
        "HTTP-PATH": "Send it to the path of the service; see ?wsdl.",
        "HTTP-CONTENT-TYPE": "Send Content-Type: text/xml; charset=utf-8 (SOAP 1.1).",
        "HTTP-CHARSET": "Send Content-Type: text/xml; charset=utf-8.",
        "HTTP-METHOD": "Send messages by POST; GET is for ?wsdl.",
        "HTTP-ENCODING": "Send the body as it is, not compressed.",
        "HTTP-SIZE": "Send less at once; the limits stand in the reference.",
        "HTTP-HOST": "Send one Host header, with the host name of the URL.",
        "HTTP-FRAMING": "Leave the framing to an HTTP library: one Content-Length that counts the "
        "octets of the body, or Transfer-Encoding: chunked, and lines that end in CRLF.",
        "HTTP-HEADERS": "Send fewer or shorter headers.",
        "HTTP-DEADLINE": "Send all of the body at once: as many octets as Content-Length says, "
        "counted in UTF-8, or a last chunk of size 0.",
        "HTTP-BUSY": "Wait a minute, and send it again.",
        "WSS-REPLAY": "Make each question anew, with a MessageID and a signature of its own.",
        "PARTY-ENABLED": "Ask the operator for a row in the table of parties, or why yours is "
        "disabled.",
        "PARTY-AUTHORISED": "Ask the operator to grant it in your row of the table of parties.",
        "PARTY-RATE": "Wait a minute, and ask less often.",
        "PARTY-VOLUME": "Send it tomorrow (UTC), or ask the operator for more.",
        "MESSAGE-ID-REUSED": "Give every filing a MessageID of its own; repeat one as it was.",
        "KENMERK-KNOWN": "Use the kenmerk that the answer to your own filing gave.",
        "BERICHTSOORT-KNOWN": "Use a berichtsoort that getBerichtsoorten names.",
        "PERIOD-ORDER": "Let tijdstempelTot be later than tijdstempelVanaf.",
        "OVERLOAD": "Wait a minute, and send it again.",
        "TECHNICAL": "This is for the gateway: send it again later, and report it.",
        "XML-ENCODING": "Write the message as UTF-8, and say so in its declaration.",
        "XML-WELL-FORMED": "Save the request as it went over the wire and look at that "
        "line: nothing may stand before the declaration, and & and < in texts are escaped.",
        "XML-DOCTYPE": "Leave the DOCTYPE out.",
        "XML-COMMENT": "Leave comments out of the envelope.",
        "XML-INSTRUCTION": "Leave processing instructions out of the envelope.",
        "SOAP-ENVELOPE": "Use SOAP 1.1: namespace http://schemas.xmlsoap.org/soap/envelope/.",
        "SOAP-HEADER-FOREIGN": "Send WS-Addressing 1.0 headers and wsse:Security only.",
        "WSA-REQUIRED": "Switch WS-Addressing 1.0 on: To, Action and MessageID.",
        "WSA-ACTION": "Take wsa:Action from the WSDL of this service.",
        "WSA-BODY": "Send the element that the WSDL has for this action.",
        "WSA-SOAP-ACTION": "Send in SOAPAction what wsa:Action says, in double quotes.",
        "WSA-TO": "Put the URL of the endpoint into wsa:To, without ?wsdl.",
        "WSA-ANONYMOUS": "Leave ReplyTo out, or make it anonymous.",
        "WSS-PRESENT": "Sign the message: one wsse:Security with Timestamp, token and Signature.",
        "WSS-CHILDREN": "Send one Timestamp, one BinarySecurityToken (direct reference) "
        "and one Signature in wsse:Security.",
        "WSS-ID-UNIQUE": "Give every element an Id of its own; let the stack make them.",
        "WSS-TOKEN": "Put the leaf alone, DER in base64, into the token, with ValueType "
        "X509v3: no PKCS#7, no chain.",
        "WSS-KEY-INFO": "Let KeyInfo hold a SecurityTokenReference with a direct Reference "
        "to the token: no X509Data, no KeyIdentifier, no issuer and serial.",
        "WSS-ALGORITHM": "Use rsa-sha256 with sha256 and exclusive canonicalisation.",
        "WSS-TRANSFORM": "Use one transform: exclusive canonicalisation.",
        "WSS-TIMESTAMP-FORM": "Write Created and then Expires in UTC, with a Z at the end.",
        "WSS-SIGNATURE": "Compare the canonical SignedInfo of --show-canonical SignedInfo "
        "with what was signed.",
        "WSS-DIGEST": "Compare the canonical octets of --show-canonical with what was "
        "digested; usually something changed the message after signing.",
        "PKI-CRL": "This is for the gateway: it needs a current CRL of that CA.",
        "PKI-KEY": "Get a certificate with an RSA key of 2048 bits or more.",
        "PKI-OIN": "Use a certificate with an OIN in its subject, of the right kind: test "
        "OINs for a sandbox only.",
        "WSS-SIGNER": "Sign with the certificate of the party that connects, or have a "
        "mandate registered.",
        "XSD-VALID": "Make the element as the schema says: order, names and namespaces.",
        "XSD-BASE64": "Put inhoud into base64, once.",
    }
)
"""What to do, by check, where the cause does not say it."""


def remedy_of(refusal: Refusal, found: Found | None) -> str:
    """Return what the sender can do about a refusal."""
    if found is not None and found.causes:
        return " ".join(cause.remedy for cause in found.causes)
    return REMEDIES.get(refusal.check.id) or refusal.check.rule
