"""Checks of XML, the SOAP envelope and WS-Addressing."""

from digipoort_wus.errors import Check

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
