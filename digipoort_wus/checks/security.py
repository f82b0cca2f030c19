"""Checks of the form of WS-Security."""

from digipoort_wus.errors import Check

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
