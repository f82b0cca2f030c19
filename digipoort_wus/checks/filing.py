"""Checks of contents, filings, questions and parties."""

from digipoort_wus.errors import Check

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
    # Whoever is told so was let in, and the same request passes in a minute: as any overload.
    code=400,
    side="Server",
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
REPORT_CODE = Check(
    "REPORT-CODE",
    "ours",
    "An agency reports 500 without statusFoutcode, or 510.",
    "Een uitvragende partij meldt 500 zonder statusFoutcode, of 510.",
)
BERICHTKENMERK_KNOWN = Check(
    "BERICHTKENMERK-KNOWN",
    "ours",
    "The berichtkenmerk is that of a filing in the process; it may be absent where there is one.",
    "Het berichtkenmerk is dat van een aanlevering in het proces; het mag ontbreken als er een is.",
    code=150,
)
REPORT_EXPECTED = Check(
    "REPORT-EXPECTED",
    "ours",
    "What an agency reports on was delivered to it, or is being delivered.",
    "Waarover een uitvragende partij meldt, is bij haar afgeleverd of wordt afgeleverd.",
    code=150,
)
REPORT_FINAL = Check(
    "REPORT-FINAL",
    "ours",
    "What an agency has reported of a filing stays: it reports nothing else afterwards.",
    "Wat een uitvragende partij over een aanlevering heeft gemeld blijft: zij meldt daarna niets "
    "anders.",
    code=150,
)
OFFER_PARTY = Check(
    "OFFER-PARTY",
    "ours",
    "A return message is about the belanghebbende of the filing with its kenmerk.",
    "Een retourbericht gaat over de belanghebbende van de aanlevering met zijn kenmerk.",
    code=140,
)
BERICHTKENMERK_REUSED = Check(
    "BERICHTKENMERK-REUSED",
    "ours",
    "A berichtkenmerk is offered again only with the very same message.",
    "Een berichtkenmerk wordt alleen opnieuw aangeboden met exact hetzelfde bericht.",
    code=150,
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
