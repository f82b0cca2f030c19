"""What the signature of one ebMS message costs in this process, beside its floor.

The floor of a message and its signed acknowledgment is what any implementation pays: a
verification and a digest when it comes, a signature for the acknowledgment.
"""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from bench.measure import Row
from digipoort_wus.clock import system_clock
from digipoort_wus.ebms.decryption import decrypt
from digipoort_wus.ebms.encryption import AES256_GCM, encrypt
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import ACTOR_NEXT, EB
from digipoort_wus.ebms.signature import verify
from digipoort_wus.ebms.signing import sign
from digipoort_wus.ebms.terms import EncryptionTerms, SignatureTerms
from digipoort_wus.names import RSA_SHA256, SHA256, SOAP
from digipoort_wus.pki.chain import CachingVerifier
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.xmlsafe.parse import parse_message

CONTENT = b"<x>" + b"Omzetbelasting " * 666 + b"</x>"
"""About 10 kB."""
EBMS_FLOOR = "ebMS: RSA-2048 verify + sign, SHA-256 of 10 kB (the floor)"
_ENVELOPE = f"""<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}"><soap:Header>
<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1"><eb:From>
<eb:PartyId eb:type="urn:osb:oin">00000099000000002000</eb:PartyId><eb:Role>DIGIPOORT</eb:Role>
</eb:From><eb:To><eb:PartyId eb:type="urn:osb:oin">00000099000000004000</eb:PartyId>
<eb:Role>OVERHEID</eb:Role></eb:To><eb:CPAId>cpa</eb:CPAId><eb:ConversationId>1</eb:ConversationId>
<eb:Service eb:type="urn:osb:services">osb:afleveren:1.1$1.0</eb:Service>
<eb:Action>afleveren</eb:Action><eb:MessageData><eb:MessageId>1@example.nl</eb:MessageId>
<eb:Timestamp>2026-06-01T12:00:00Z</eb:Timestamp></eb:MessageData><eb:DuplicateElimination/>
</eb:MessageHeader><eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="{ACTOR_NEXT}"
/></soap:Header><soap:Body/></soap:Envelope>""".encode()


def ebms_signatures(pki: TestPki) -> list[Row]:
    """Return the floor of one signed message of 10 kB, and what ours takes for its parts."""
    identity = pki.identities["vendor-a"]
    der = identity.certificate.public_bytes(Encoding.DER)
    terms = SignatureTerms(RSA_SHA256, SHA256, (der,))
    payload = Payload("payload@example.nl", "text/xml", CONTENT)
    root = parse_message(_ENVELOPE)
    sign(root, [payload], identity, terms)
    octets = etree.tostring(root)
    encryption = EncryptionTerms(AES256_GCM, der)
    encrypted = encrypt(payload, encryption)
    chains = CachingVerifier(pki.trust_store())

    def verified() -> object:
        return verify(
            parse_message(octets),
            {payload.content_id: CONTENT},
            terms,
            at=system_clock(),
            trust=lambda leaf, sent, at: chains(leaf, sent, Role.SIGNER, at),
        )

    return [
        Row(EBMS_FLOOR, _floor(pki)),
        Row("ebMS: parse + verify", verified),
        Row("ebMS: sign", lambda: sign(parse_message(_ENVELOPE), [payload], identity, terms)),
        Row("ebMS: encrypt", lambda: encrypt(payload, encryption)),
        Row("ebMS: decrypt", lambda: decrypt(encrypted, [identity], encryption)),
    ]


def _floor(pki: TestPki) -> Callable[[], object]:
    key = pki.identities["vendor-a"].private_key
    public_key = key.public_key()
    value = key.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())

    def pay() -> bytes:
        hashlib.sha256(CONTENT).digest()
        public_key.verify(value, CONTENT, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())

    return pay
