"""Checks of ebMS 2.0 messages: package, headers, agreement, signature, reliability.

Clauses of the standard are as ``ebMS 2.0 §N``; where Digikoppeling narrows it, that is named.
"""

from digipoort_wus.errors import Check

EBMS_MIME_FORM = Check(
    "EBMS-MIME-FORM",
    "ebMS 2.0 §2.1.2, RFC 2387",
    "The package is multipart/related that can be read in one way only.",
    "Het pakket is multipart/related dat maar op één manier te lezen is.",
)
EBMS_MIME_LIMIT = Check(
    "EBMS-MIME-LIMIT",
    "ours",
    "The package has no more parts and headers than this gateway reads.",
    "Het pakket heeft niet meer onderdelen en headers dan deze gateway leest.",
)
EBMS_MANIFEST_PART = Check(
    "EBMS-MANIFEST-PART",
    "ebMS 2.0 §3.2.2",
    "Every part that the Manifest lists is in the package.",
    "Ieder onderdeel dat het Manifest noemt zit in het pakket.",
)
EBMS_MANIFEST_HREF = Check(
    "EBMS-MANIFEST-HREF",
    "Digikoppeling ebMS2 3.3.2",
    "A Reference names a part of the package by its cid.",
    "Een Reference verwijst met een cid naar een onderdeel van het pakket.",
)
EBMS_MANIFEST_LISTED = Check(
    "EBMS-MANIFEST-LISTED",
    "ebMS 2.0 §3.2",
    "Every part of the package is listed in the Manifest, once.",
    "Ieder onderdeel van het pakket staat in het Manifest, en één keer.",
)
EBMS_XML = Check(
    "EBMS-XML",
    "ebMS 2.0 §2.3",
    "The envelope is well-formed XML in UTF-8 without a DOCTYPE, within the limits.",
    "De envelop is welgevormde XML in UTF-8 zonder DOCTYPE, binnen de limieten.",
)
EBMS_SCHEMA = Check(
    "EBMS-SCHEMA",
    "ebMS 2.0, schema msg-header-2_0",
    "The extensions of ebMS follow its schema.",
    "De uitbreidingen van ebMS voldoen aan het schema.",
)
EBMS_UNIQUE = Check(
    "EBMS-UNIQUE",
    "ebMS 2.0 §2.3, §3.1",
    "Each extension of ebMS stands in the message once, where it belongs.",
    "Iedere uitbreiding van ebMS staat één keer in het bericht, op haar plaats.",
)
EBMS_VERSION = Check(
    "EBMS-VERSION",
    "ebMS 2.0 §2.3.8",
    "The version of every extension is 2.0.",
    "De versie van iedere uitbreiding is 2.0.",
)
EBMS_MUST_UNDERSTAND = Check(
    "EBMS-MUST-UNDERSTAND",
    "SOAP 1.1 §4.2.3",
    "No header that must be understood is unknown here.",
    "Geen header die begrepen moet worden is hier onbekend.",
)
EBMS_PARTY = Check(
    "EBMS-PARTY",
    "ebMS 2.0 §3.1.1, Digikoppeling ebMS2 3.3.2",
    "From and To are the parties of the CPA.",
    "From en To zijn de partijen van de CPA.",
)
EBMS_ROLE = Check(
    "EBMS-ROLE",
    "ebMS 2.0 §3.1.1.2",
    "The roles are those of the CPA; signals have none.",
    "De rollen zijn die van de CPA; signalen hebben er geen.",
)
EBMS_URI = Check(
    "EBMS-URI",
    "ebMS 2.0 §3.1.1.1, §3.1.4",
    "An identifier without a type is a URI.",
    "Een identificatie zonder type is een URI.",
)
EBMS_DUPLICATE_ELIMINATION = Check(
    "EBMS-DUPLICATE-ELIMINATION",
    "ebMS 2.0 §3.1.7",
    "DuplicateElimination is there as the CPA says.",
    "DuplicateElimination staat er zoals de CPA zegt.",
)
EBMS_ACK_REQUESTED = Check(
    "EBMS-ACK-REQUESTED",
    "ebMS 2.0 §6.3.1",
    "AckRequested and its signed attribute are as the CPA says.",
    "AckRequested en het attribuut signed zijn zoals de CPA zegt.",
)
EBMS_SYNC_REPLY = Check(
    "EBMS-SYNC-REPLY",
    "ebMS 2.0 §4.3",
    "SyncReply is there as the CPA says.",
    "SyncReply staat er zoals de CPA zegt.",
)
EBMS_SIGNAL_FORM = Check(
    "EBMS-SIGNAL-FORM",
    "ebMS 2.0 §4.2, §6.3, §7, §8",
    "A signal holds what its action says, and no business message does.",
    "Een signaal bevat wat bij zijn action hoort, en een zakelijk bericht niet.",
)
EBMS_ID_REUSED = Check(
    "EBMS-ID-REUSED",
    "ours",
    "A MessageId that was seen before comes with the same content.",
    "Een MessageId dat eerder is gezien komt met dezelfde inhoud.",
)
EBMS_TIME = Check(
    "EBMS-TIME",
    "ebMS 2.0 §3.1.6.2",
    "Times are xs:dateTime; a Timestamp is not far in the future.",
    "Tijden zijn xs:dateTime; een Timestamp ligt niet ver in de toekomst.",
)
EBMS_CPA = Check(
    "EBMS-CPA",
    "ebMS 2.0 §3.1.2",
    "The CPAId names an agreement that is in force here.",
    "De CPAId noemt een overeenkomst die hier van kracht is.",
)
EBMS_SERVICE = Check(
    "EBMS-SERVICE",
    "ebMS 2.0 §3.1.4",
    "The Service is one that the CPA names for this direction.",
    "De Service is er een die de CPA voor deze richting noemt.",
)
EBMS_ACTION = Check(
    "EBMS-ACTION",
    "ebMS 2.0 §3.1.5",
    "The Action is one that the CPA names for this Service and direction.",
    "De Action is er een die de CPA voor deze Service en richting noemt.",
)
EBMS_REF_TO = Check(
    "EBMS-REF-TO",
    "ebMS 2.0 §3.1.6.3",
    "RefToMessageId names a message that is known here where a signal needs it.",
    "RefToMessageId noemt een hier bekend bericht waar een signaal dat nodig heeft.",
)
EBMS_ACTOR = Check(
    "EBMS-ACTOR",
    "ebMS 2.0 §2.3.10, §10",
    "No actor is nextMSH, and only SyncReply has one of another kind.",
    "Geen actor is nextMSH, en alleen SyncReply heeft er een van een andere soort.",
)
EBMS_ORDER = Check(
    "EBMS-ORDER",
    "ebMS 2.0 §9, Digikoppeling ebMS2 3.3.2",
    "Message order is not asked for.",
    "Om volgorde van berichten wordt niet gevraagd.",
)
EBMS_TIME_TO_LIVE = Check(
    "EBMS-TIME-TO-LIVE",
    "ebMS 2.0 §3.1.6.4",
    "A message comes before its TimeToLive.",
    "Een bericht komt voor zijn TimeToLive.",
)
EBMS_SIGNATURE_PRESENT = Check(
    "EBMS-SIGNATURE-PRESENT",
    "ebMS 2.0 §4.1, CPPA 2.0",
    "A message is signed where the CPA wants it.",
    "Een bericht is ondertekend waar de CPA dat wil.",
    code=110,
)
EBMS_SIGNATURE_FORM = Check(
    "EBMS-SIGNATURE-FORM",
    "ebMS 2.0 §4.1.3, XML Signature",
    "The signature has the one form that ebMS describes.",
    "De handtekening heeft de ene vorm die ebMS beschrijft.",
    code=110,
)
EBMS_SIGNATURE_ALGORITHM = Check(
    "EBMS-SIGNATURE-ALGORITHM",
    "CPPA 2.0, Digikoppeling beveiliging",
    "The algorithms are those of the CPA, and not outdated.",
    "De algoritmen zijn die van de CPA, en niet verouderd.",
    code=110,
)
EBMS_SIGNATURE_COVERAGE = Check(
    "EBMS-SIGNATURE-COVERAGE",
    "ebMS 2.0 §4.1.3",
    "The signature covers the envelope and every payload, each once.",
    "De handtekening dekt de envelop en iedere payload, elk één keer.",
    code=110,
)
EBMS_SIGNATURE_DIGEST = Check(
    "EBMS-SIGNATURE-DIGEST",
    "XML Signature §3.2.1",
    "Every DigestValue is the digest of what it refers to.",
    "Iedere DigestValue is de digest van waar hij naar verwijst.",
    code=110,
)
EBMS_SIGNATURE_VALUE = Check(
    "EBMS-SIGNATURE-VALUE",
    "XML Signature §3.2.2",
    "SignatureValue verifies SignedInfo with the signer's key.",
    "SignatureValue klopt met SignedInfo en de sleutel van de ondertekenaar.",
    code=110,
)
EBMS_SIGNER = Check(
    "EBMS-SIGNER",
    "CPPA 2.0, Digikoppeling ebMS2 3.3.2",
    "The signer is the From party of the CPA, with a valid certificate.",
    "De ondertekenaar is de From-partij van de CPA, met een geldig certificaat.",
    code=110,
)
EBMS_ENCRYPTION = Check(
    "EBMS-ENCRYPTION",
    "XML Encryption, Digikoppeling beveiliging",
    "Payloads are encrypted where the CPA wants it, and can be decrypted.",
    "Payloads zijn versleuteld waar de CPA dat wil, en te ontsleutelen.",
    code=110,
)
EBMS_PEER = Check(
    "EBMS-PEER",
    "Digikoppeling ebMS2 3.3.2",
    "Who set up the connection is the From party, or named for it in the CPA.",
    "Wie de verbinding opzette is de From-partij, of staat daarvoor in de CPA.",
    code=110,
)
EBMS_ACK_REFERENCES = Check(
    "EBMS-ACK-REFERENCES",
    "ebMS 2.0 §6.3.2.5",
    "A signed acknowledgment repeats the digests of the message that was sent.",
    "Een ondertekende ontvangstbevestiging herhaalt de digests van het bericht.",
    code=110,
)
EBMS_CHANNEL = Check(
    "EBMS-CHANNEL",
    "CPPA 2.0",
    "The CPA has a channel for the answer.",
    "De CPA heeft een kanaal voor het antwoord.",
)
EBMS_SOAP_ACTION = Check(
    "EBMS-SOAP-ACTION",
    "ebMS 2.0 Appendix B.2.2",
    'The HTTP header SOAPAction is "ebXML".',
    'De HTTP-header SOAPAction is "ebXML".',
)
EBMS_TECHNICAL = Check(
    "EBMS-TECHNICAL",
    "ours",
    "The message can be handled here now.",
    "Het bericht kan hier nu worden verwerkt.",
    code=400,
    side="Server",
)
