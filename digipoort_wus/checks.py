"""The catalogue of every check, from the outside in, roughly as the gate applies them.

A check stands here once; code refers to it by its constant, so that the
reference documentation, the faults and the tests speak of the same thing.
Codes follow our own mapping (the official meanings of ALS110 to ALS170 are not
public): 100 form, addressing and size; 110 signature or certificate; 120
berichtsoort; 130 sender; 140 belanghebbende; 150 kenmerk; 160 autorisatieAdres;
170 attachments; 400 technical.
"""

from digipoort_wus.errors import Check

# --- HTTP -------------------------------------------------------------------
HTTP_METHOD = Check(
    "HTTP-METHOD",
    "SOAP 1.1 §6, Digikoppeling WUS WW001",
    "A request is an HTTP POST.",
    "Een verzoek is een HTTP POST.",
    http=405,
)
HTTP_PATH = Check(
    "HTTP-PATH",
    "ours",
    "The path names one of the services.",
    "Het pad hoort bij een van de services.",
    http=404,
)
HTTP_CONTENT_TYPE = Check(
    "HTTP-CONTENT-TYPE",
    "SOAP 1.1 §6, WS-I BP 1.2, Digikoppeling WUS WW001 and WM001",
    "The Content-Type is text/xml, or on AanleverService that of an MTOM package.",
    "De Content-Type is text/xml, of bij AanleverService die van een MTOM-pakket.",
    http=415,
)
HTTP_CHARSET = Check(
    "HTTP-CHARSET",
    "Digikoppeling WUS WS006",
    "The charset is utf-8, or is not named.",
    "De charset is utf-8 of wordt niet genoemd.",
    http=415,
)
HTTP_ENCODING = Check(
    "HTTP-ENCODING",
    "ours",
    "The body carries no Content-Encoding.",
    "De body heeft geen Content-Encoding.",
    http=415,
)
HTTP_SIZE = Check(
    "HTTP-SIZE",
    "ours",
    "The body stays within the wire limit.",
    "De body blijft binnen de maximale grootte.",
    http=413,
)
HTTP_HOST = Check(
    "HTTP-HOST",
    "RFC 9112 §3.2",
    "A request has exactly one Host header, and it names a host.",
    "Een verzoek heeft precies één Host-header, en die noemt een host.",
    http=400,
)
HTTP_FRAMING = Check(
    "HTTP-FRAMING",
    "RFC 9112 §2.2, §5 and §6",
    "Request line, headers and the length of the body can be read in one way only.",
    "Requestregel, headers en lengte van de body zijn maar op één manier te lezen.",
    http=400,
)
HTTP_HEADERS = Check(
    "HTTP-HEADERS",
    "RFC 6585 §5",
    "Number and size of the headers stay within the limits.",
    "Aantal en grootte van de headers blijven binnen de grenzen.",
    http=431,
)
HTTP_DEADLINE = Check(
    "HTTP-DEADLINE",
    "RFC 9110 §15.5.9",
    "Head and body of a request arrive within their deadlines.",
    "Headers en body van een verzoek komen binnen de gestelde tijd aan.",
    http=408,
)
HTTP_BUSY = Check(
    "HTTP-BUSY",
    "RFC 9110 §15.6.4",
    "There is room for one more connection or body.",
    "Er is ruimte voor nog een verbinding of body.",
    http=503,
)

# --- MTOM -------------------------------------------------------------------
MIME_FORM = Check(
    "MIME-FORM",
    "SOAP 1.1 Binding for MTOM 1.0, XOP 1.0 §4.1, RFC 2387",
    "The body is a package of one SOAP envelope and the parts that it includes.",
    "De body is een pakket van één SOAP-envelop en de delen die daarin horen.",
)
MIME_LIMIT = Check(
    "MIME-LIMIT",
    "ours",
    "Number of parts and size of their headers stay within the limits.",
    "Aantal delen en grootte van hun headers blijven binnen de grenzen.",
)
XOP_INCLUDE = Check(
    "XOP-INCLUDE",
    "XOP 1.0 §2.1 and §3.2",
    "Every xop:Include stands alone in an inhoud or BinarySecurityToken "
    "and names one part of this message by cid.",
    "Iedere xop:Include staat alleen in een inhoud of BinarySecurityToken "
    "en verwijst met cid naar één deel van dit bericht.",
)

# --- XML --------------------------------------------------------------------
XML_ENCODING = Check(
    "XML-ENCODING",
    "Digikoppeling WUS WS006, WS-I SSBP 1.0 R1012 and R1018",
    "The message is UTF-8.",
    "Het bericht is UTF-8.",
)
XML_DOCTYPE = Check(
    "XML-DOCTYPE",
    "SOAP 1.1 §3",
    "The message has no document type declaration.",
    "Het bericht heeft geen DOCTYPE.",
)
XML_WELL_FORMED = Check(
    "XML-WELL-FORMED",
    "XML 1.0 §2.1",
    "The message is well-formed XML.",
    "Het bericht is welgevormde XML.",
)
XML_INSTRUCTION = Check(
    "XML-INSTRUCTION",
    "SOAP 1.1 §3",
    "The message has no processing instructions.",
    "Het bericht heeft geen processing instructions.",
)
XML_COMMENT = Check(
    "XML-COMMENT",
    "ours: a signature does not cover comments",
    "The envelope has no comments.",
    "De envelop heeft geen commentaar.",
)
XML_LIMIT = Check(
    "XML-LIMIT",
    "ours",
    "The message stays within the limits for depth, elements, attributes and names.",
    "Het bericht blijft binnen de grenzen voor diepte, elementen, attributen en namen.",
)

XML_CANONICAL = Check(
    "XML-CANONICAL",
    "Exclusive XML Canonicalization 1.0",
    "Every signed part can be canonicalised (no relative namespace names).",
    "Ieder ondertekend onderdeel kan gecanonicaliseerd worden (geen relatieve namespaces).",
    code=110,
)

# --- SOAP envelope ----------------------------------------------------------
SOAP_ENVELOPE = Check(
    "SOAP-ENVELOPE",
    "SOAP 1.1 §4, Digikoppeling WUS WW001",
    "The root element is a SOAP 1.1 Envelope.",
    "Het hoofdelement is een SOAP 1.1 Envelope.",
)
SOAP_STRUCTURE = Check(
    "SOAP-STRUCTURE",
    "SOAP 1.1 §4, WS-I BP 1.2 R1011, Digikoppeling WUS WW003",
    "The Envelope holds exactly one Header and then exactly one Body, and nothing else.",
    "De Envelope bevat precies één Header en daarna precies één Body, en niets anders.",
)
SOAP_BODY_CHILD = Check(
    "SOAP-BODY-CHILD",
    "Digikoppeling WUS WW003",
    "The Body holds exactly one element.",
    "De Body bevat precies één element.",
)
SOAP_BASIC_PROFILE = Check(
    "SOAP-BASIC-PROFILE",
    "WS-I BP 1.2 R1005, R1006 and R1013, Digikoppeling WUS WW001 and WW002",
    "No part of the envelope has an encodingStyle, and every mustUnderstand is 0 or 1.",
    "Geen deel van de envelop heeft een encodingStyle, en iedere mustUnderstand is 0 of 1.",
)
SOAP_HEADER_FOREIGN = Check(
    "SOAP-HEADER-FOREIGN",
    "Digipoort WSDL 1.2 (no own header fields), Digikoppeling WUS WS007",
    "The Header holds only WS-Addressing headers and one wsse:Security.",
    "De Header bevat alleen WS-Addressing-headers en één wsse:Security.",
)

# --- WS-Addressing ----------------------------------------------------------
WSA_REQUIRED = Check(
    "WSA-REQUIRED",
    "WS-Addressing 1.0 SOAP Binding §3.2, Digikoppeling WUS WA001",
    "The headers wsa:To, wsa:Action and wsa:MessageID are present and not empty.",
    "De headers wsa:To, wsa:Action en wsa:MessageID zijn aanwezig en niet leeg.",
)
WSA_UNIQUE = Check(
    "WSA-UNIQUE",
    "WS-Addressing 1.0 SOAP Binding §3.2, Digikoppeling WUS WA001",
    "No WS-Addressing header occurs twice.",
    "Geen WS-Addressing-header komt twee keer voor.",
)
WSA_KNOWN = Check(
    "WSA-KNOWN",
    "WS-Addressing 1.0 Core §3, Digikoppeling WUS WA001",
    "Every WS-Addressing header is one that the standard defines for messages.",
    "Iedere WS-Addressing-header is een header die de standaard kent.",
)
WSA_IRI = Check(
    "WSA-IRI",
    "WS-Addressing 1.0 Core §2 and §3, Digikoppeling WUS WA001",
    "Every address, action and identifier of WS-Addressing is an absolute IRI.",
    "Ieder adres, iedere action en iedere identificatie van WS-Addressing is een absolute IRI.",
)
WSA_ENDPOINT = Check(
    "WSA-ENDPOINT",
    "WS-Addressing 1.0 Core §2.1, Digikoppeling WUS WA001",
    "An endpoint header holds one wsa:Address, no ReferenceParameters and no Metadata.",
    "Een endpoint-header bevat één wsa:Address, geen ReferenceParameters en geen Metadata.",
)
WSA_ACTION = Check(
    "WSA-ACTION",
    "Digipoort WSDL 1.2, Digikoppeling WUS WS001 and WS008",
    "wsa:Action is an action of the service at this address.",
    "wsa:Action hoort bij de service op dit adres.",
)
WSA_BODY = Check(
    "WSA-BODY",
    "Digipoort WSDL 1.2, Digikoppeling WUS WS001",
    "The element in the Body is the one that wsa:Action announces.",
    "Het element in de Body is het element dat bij wsa:Action hoort.",
)
WSA_SOAP_ACTION = Check(
    "WSA-SOAP-ACTION",
    "Digikoppeling WUS WS002",
    "The HTTP header SOAPAction is empty or agrees with wsa:Action, written as the policy wants.",
    "De HTTP-header SOAPAction is leeg of komt overeen met wsa:Action, in de vorm van de policy.",
)
WSA_TO = Check(
    "WSA-TO",
    "Digipoort WSDL 1.2 (wsa:To is the endpoint), Digikoppeling WUS WA001",
    "wsa:To is the address of this service.",
    "wsa:To is het adres van deze service.",
)
WSA_ANONYMOUS = Check(
    "WSA-ANONYMOUS",
    "Digipoort WSDL 1.2 (wsam:AnonymousResponses), Digikoppeling WUS WA001",
    "wsa:ReplyTo is absent or anonymous; other endpoints are anonymous or none.",
    "wsa:ReplyTo ontbreekt of is anonymous; andere adressen zijn anonymous of none.",
)
WSA_OIN = Check(
    "WSA-OIN",
    "Digikoppeling WUS WA001 (routing parameter OIN)",
    "The query parameter OIN of wsa:To or wsa:From occurs once and is an OIN.",
    "De queryparameter OIN van wsa:To of wsa:From komt één keer voor en is een OIN.",
)
WSA_SENDER = Check(
    "WSA-SENDER",
    "Digikoppeling WUS WA001, Handreiking Adressering en Routering",
    "The OIN in wsa:From is that of the authenticated sender, or of whom he is mandated for.",
    "Het OIN in wsa:From is dat van de geauthenticeerde afzender, of die heeft een machtiging.",
    code=130,
)

# --- WS-Security: form ------------------------------------------------------
WSS_PRESENT = Check(
    "WSS-PRESENT",
    "Digipoort WSDL 1.2, Digikoppeling WUS WB001 and WB003",
    "The message is signed: there is exactly one wsse:Security for us.",
    "Het bericht is ondertekend: er is precies één wsse:Security voor ons.",
    code=110,
)
WSS_UNEXPECTED = Check(
    "WSS-UNEXPECTED",
    "Digikoppeling WUS §Ondersteunde varianten (2W-be), WB011",
    "A message of profile 2W-be has no wsse:Security, or one with a Timestamp only.",
    "Een bericht volgens 2W-be heeft geen wsse:Security, of alleen een met een Timestamp.",
    code=110,
)
WSS_CHILDREN = Check(
    "WSS-CHILDREN",
    "Digipoort WSDL 1.2, Digikoppeling WUS WB001, WB003 and WB009, WS-I BSP 1.1 R3227",
    "wsse:Security holds one Timestamp, one BinarySecurityToken and one Signature, "
    "and nothing else.",
    "wsse:Security bevat één Timestamp, één BinarySecurityToken en één Signature, en niets anders.",
    code=110,
)
WSS_ID_UNIQUE = Check(
    "WSS-ID-UNIQUE",
    "WS-Security 1.1 §4.2",
    "Every Id in the message is unique, whatever the attribute is called.",
    "Iedere Id in het bericht is uniek, hoe het attribuut ook heet.",
    code=110,
)
WSS_TOKEN = Check(
    "WSS-TOKEN",
    "WS-Security X.509 Token Profile 1.1 §3.1, Digikoppeling WUS WB009 and WB010",
    "The BinarySecurityToken is one X.509v3 certificate in base64.",
    "Het BinarySecurityToken is één X.509v3-certificaat in base64.",
    code=110,
)
WSS_KEY_INFO = Check(
    "WSS-KEY-INFO",
    "WS-I BSP 1.1 R3027, R3061, R5205, R5402 and R5417, Digikoppeling WUS WB010",
    "KeyInfo is one SecurityTokenReference that points directly at the BinarySecurityToken.",
    "KeyInfo is één SecurityTokenReference die rechtstreeks naar het BinarySecurityToken verwijst.",
    code=110,
)
WSS_SIGNATURE_FORM = Check(
    "WSS-SIGNATURE-FORM",
    "XML Signature §4.1, WS-I BSP 1.1 R3102, R5403 and R5440, Digikoppeling SIGN002",
    "The Signature holds one SignedInfo, one SignatureValue and one KeyInfo, in that order.",
    "De Signature bevat één SignedInfo, één SignatureValue en één KeyInfo, in die volgorde.",
    code=110,
)
WSS_ALGORITHM = Check(
    "WSS-ALGORITHM",
    "Digipoort WSDL 1.2, WS-I BSP 1.1 R5401, Digikoppeling WUS WB007, SIGN001, SIGN003, SIGN004",
    "Every algorithm is one that the policy allows.",
    "Ieder algoritme is door de policy toegestaan.",
    code=110,
)
WSS_TRANSFORM = Check(
    "WSS-TRANSFORM",
    "WS-I BSP 1.1 R5407, R5411, R5412 and R5416, Digikoppeling WUS WB007",
    "Every Reference has exactly one transform: exclusive canonicalisation.",
    "Iedere Reference heeft precies één transform: exclusive canonicalisation.",
    code=110,
)
WSS_REF_LIMIT = Check(
    "WSS-REF-LIMIT",
    "ours",
    "References, the prefixes they list, the elements they name and SignedInfo are within limits.",
    "References, hun lijsten van prefixen, hun elementen en SignedInfo blijven binnen de grenzen.",
    code=110,
)
WSS_REF_TARGET = Check(
    "WSS-REF-TARGET",
    "Digikoppeling WUS WB004, WS-I BSP 1.1 R3103",
    "Every Reference points at the Body, the Timestamp, the token or a wsa header of this message.",
    "Iedere Reference verwijst naar de Body, het Timestamp, het token of een wsa-header "
    "van dit bericht.",
    code=110,
)
WSS_REF_UNIQUE = Check(
    "WSS-REF-UNIQUE",
    "Digikoppeling WUS WB004",
    "No two different References point at the same element.",
    "Geen twee verschillende References verwijzen naar hetzelfde element.",
    code=110,
)
WSS_COVERAGE = Check(
    "WSS-COVERAGE",
    "Digipoort WSDL 1.2 (SignedParts), Digikoppeling WUS WB004",
    "The Body, the Timestamp and every wsa header are signed.",
    "De Body, het Timestamp en iedere wsa-header zijn ondertekend.",
    code=110,
)
WSS_TIMESTAMP_FORM = Check(
    "WSS-TIMESTAMP-FORM",
    "Digikoppeling WUS WB002, WS-I BSP 1.1 R3203, R3217 and R3221 to R3224",
    "The Timestamp holds one Created in UTC, then at most one later Expires, and nothing else.",
    "Het Timestamp bevat één Created in UTC, daarna hoogstens één latere Expires, en niets anders.",
    code=110,
)
WSS_CONFIRMATION = Check(
    "WSS-CONFIRMATION",
    "Digikoppeling WUS WB014, WS-Security 1.1 §8.5, WS-I BSP 1.1 R5441",
    "An answer confirms the SignatureValue of its request, once and signed.",
    "Een antwoord bevestigt de SignatureValue van zijn verzoek, één keer en ondertekend.",
    code=110,
)

# --- Certificates -----------------------------------------------------------
PKI_CHAIN = Check(
    "PKI-CHAIN",
    "RFC 5280 §6, Digikoppeling WUS WT002, PKI005 and TLS001",
    "The certificate leads through valid intermediates to a trusted root.",
    "Het certificaat leidt via geldige tussencertificaten naar een vertrouwde root.",
    code=110,
)
PKI_VALIDITY = Check(
    "PKI-VALIDITY",
    "RFC 5280 §4.1.2.5, Digikoppeling WUS WT004, PKI002 and PKI003",
    "The certificate is within its period of validity.",
    "Het certificaat is geldig op dit moment.",
    code=110,
)
PKI_REVOKED = Check(
    "PKI-REVOKED",
    "RFC 5280 §5, Digikoppeling WUS WT004, PKI002 and PKI003",
    "No certificate of the chain is revoked.",
    "Geen certificaat van de keten is ingetrokken.",
    code=110,
)
PKI_CRL = Check(
    "PKI-CRL",
    "RFC 5280 §6.3, Digikoppeling WUS WT004 and WT005, PKI003 and PKI004",
    "For every level of the chain there is a current CRL.",
    "Voor ieder niveau van de keten is een actuele CRL aanwezig.",
    code=110,
)
PKI_KEY = Check(
    "PKI-KEY",
    "Digikoppeling WUS WT003, TLSCIPH001",
    "The certificate has an RSA key of at least 2048 bits.",
    "Het certificaat heeft een RSA-sleutel van minstens 2048 bits.",
    code=110,
)
PKI_PURPOSE = Check(
    "PKI-PURPOSE",
    "RFC 5280 §4.2.1.3 and §4.2.1.12, PKIoverheid G4 profiles",
    "Key usage and extended key usage allow what the certificate is used for.",
    "Key usage en extended key usage staan dit gebruik van het certificaat toe.",
    code=110,
)
PKI_POLICY = Check(
    "PKI-POLICY",
    "Digikoppeling WUS WT002, PKI005, RFC 5280 §4.2.1.4",
    "The certificate names a certificate policy that is accepted for this use.",
    "Het certificaat noemt een certificate policy die hiervoor is toegestaan.",
    code=110,
)
PKI_OIN = Check(
    "PKI-OIN",
    "Digikoppeling PKI001, Identificatie en Authenticatie ch. 5",
    "The subject has exactly one serialNumber, and it is an OIN of 20 characters.",
    "De subject heeft precies één serialNumber, en dat is een OIN van 20 tekens.",
    code=110,
)

# --- Signature --------------------------------------------------------------
WSS_SIGNATURE = Check(
    "WSS-SIGNATURE",
    "XML Signature §3.2.2, Digikoppeling WUS WB013, SIGN002",
    "SignatureValue verifies SignedInfo with the certificate's key.",
    "SignatureValue klopt met SignedInfo en de sleutel van het certificaat.",
    code=110,
)
WSS_DIGEST = Check(
    "WSS-DIGEST",
    "XML Signature §3.2.1, Digikoppeling WUS WB013, SIGN002",
    "Every DigestValue is the digest of the part it refers to.",
    "Iedere DigestValue is de digest van het onderdeel waarnaar verwezen wordt.",
    code=110,
)
WSS_ENGINES = Check(
    "WSS-ENGINES",
    "ours",
    "Both signature engines come to the same verdict.",
    "Beide handtekeningcontroles komen tot hetzelfde oordeel.",
    code=110,
)
WSS_EXPIRED = Check(
    "WSS-EXPIRED",
    "WS-Security 1.1 §10, Digikoppeling WUS WB002",
    "The Timestamp is neither from the future nor expired.",
    "Het Timestamp ligt niet in de toekomst en is niet verlopen.",
    code=110,
)
WSS_SIGNER = Check(
    "WSS-SIGNER",
    "ours",
    "Who signed is who set up the TLS connection, or is mandated for it.",
    "De ondertekenaar is degene die de TLS-verbinding opzette, of is daarvoor gemachtigd.",
    code=110,
)
WSS_REPLAY = Check(
    "WSS-REPLAY",
    "ours: OASIS WS-Security 1.1 §13.3 (replay)",
    "A signed question is asked once; the same signature is not accepted again.",
    "Een ondertekende vraag wordt één keer gesteld; dezelfde handtekening telt niet nog eens.",
    code=110,
)

# --- Contract ---------------------------------------------------------------
XSD_VALID = Check(
    "XSD-VALID",
    "digipoort-koppelvlak-1.2.xsd, echo-1.xsd, Digikoppeling WUS WW002",
    "The element in the Body follows the schema.",
    "Het element in de Body voldoet aan het schema.",
)
XSD_BASE64 = Check(
    "XSD-BASE64",
    "XML Schema Part 2 §3.2.16",
    "Every inhoud is base64.",
    "Iedere inhoud is base64.",
)
XSD_INHOUD_SIZE = Check(
    "XSD-INHOUD-SIZE",
    "digipoort-koppelvlak-1.2.xsd, echo-1.xsd",
    "Every inhoud is at most 20971520 bytes after decoding, the data of an echo 1048576.",
    "Iedere inhoud is na decoderen hoogstens 20971520 bytes, de data van een echo 1048576.",
)
ATTACHMENT_LIMIT = Check(
    "ATTACHMENT-LIMIT",
    "ours",
    "A filing has at most 50 attachments.",
    "Een aanlevering heeft hoogstens 50 bijlagen.",
    code=170,
)

# --- Filing -----------------------------------------------------------------
BERICHTSOORT_KNOWN = Check(
    "BERICHTSOORT-KNOWN",
    "digipoort-koppelvlak-1.2.xsd (berichtsoort)",
    "The berichtsoort is known here.",
    "De berichtsoort is hier bekend.",
    code=120,
)
KENMERK_KNOWN = Check(
    "KENMERK-KNOWN",
    "ours",
    "The kenmerk belongs to a process of the requester.",
    "Het kenmerk hoort bij een proces van de aanvrager.",
    code=150,
)
KENMERK_CONTINUE = Check(
    "KENMERK-CONTINUE",
    "digipoort-koppelvlak-1.2.xsd (kenmerk)",
    "A filing with a known kenmerk continues that process: same sender, same berichtsoort.",
    "Een aanlevering met een bekend kenmerk vervolgt dat proces: "
    "zelfde afzender, zelfde berichtsoort.",
    code=150,
)
AUSP_KNOWN = Check(
    "AUSP-KNOWN",
    "digipoort-koppelvlak-1.2.xsd (autorisatieAdres)",
    "The autorisatieAdres is absent, http://geenausp.nl, or a registered address.",
    "Het autorisatieAdres ontbreekt, is http://geenausp.nl, of is een geregistreerd adres.",
    code=160,
)
PERIOD_ORDER = Check(
    "PERIOD-ORDER",
    "ours",
    "tijdstempelVanaf is not later than tijdstempelTot.",
    "tijdstempelVanaf ligt niet na tijdstempelTot.",
)
PARTY_ENABLED = Check(
    "PARTY-ENABLED",
    "Digikoppeling Identificatie en Authenticatie ch. 4",
    "The party is known here and not disabled.",
    "De partij is hier bekend en niet geblokkeerd.",
    code=130,
)
PARTY_AUTHORISED = Check(
    "PARTY-AUTHORISED",
    "Digikoppeling Identificatie en Authenticatie ch. 4",
    "The party may do this: this operation, this berichtsoort, for this belanghebbende.",
    "De partij mag dit doen: deze operatie, deze berichtsoort, voor deze belanghebbende.",
    code=130,
)
PARTY_RATE = Check(
    "PARTY-RATE",
    "ours",
    "The party stays within its number of requests a minute.",
    "De partij blijft binnen haar aantal verzoeken per minuut.",
    code=130,
)
PARTY_VOLUME = Check(
    "PARTY-VOLUME",
    "ours",
    "The party stays within its number of bytes a day.",
    "De partij blijft binnen haar aantal bytes per dag.",
    code=130,
)
PARTY_IDENTIFIED = Check(
    "PARTY-IDENTIFIED",
    "Digikoppeling WUS WT001 and WT002, TLS001 and TLS002",
    "Who sends an unsigned message shows a client certificate.",
    "Wie een niet-ondertekend bericht stuurt, toont een clientcertificaat.",
    code=130,
)
MESSAGE_ID_REUSED = Check(
    "MESSAGE-ID-REUSED",
    "WS-Addressing 1.0 Core §3.1",
    "A wsa:MessageID is used again only to repeat the very same message.",
    "Een wsa:MessageID wordt alleen opnieuw gebruikt om exact hetzelfde bericht te herhalen.",
)
SCENARIO_FAULT = Check(
    "SCENARIO-FAULT",
    "ours: sandbox scenario in aanleverkenmerk",
    "The scenario asks for this fault.",
    "Het scenario vraagt om deze fout.",
)
OVERLOAD = Check(
    "OVERLOAD",
    "ours",
    "The gateway has room for the request.",
    "De gateway heeft ruimte voor het verzoek.",
    code=400,
    side="Server",
)
TECHNICAL = Check(
    "TECHNICAL",
    "ours",
    "The gateway can process the request.",
    "De gateway kan het verzoek verwerken.",
    code=400,
    side="Server",
)

CATALOGUE: tuple[Check, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Check)
)
"""Every check, from the outside in."""


def by_id(check_id: str) -> Check:
    """Return the check with this identifier; raises KeyError for an unknown one."""
    return {check.id: check for check in CATALOGUE}[check_id]
