"""Checks of the signature, its time and its signer."""

from digipoort_wus.errors import Check

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
