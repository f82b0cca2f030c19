"""Checks of certificates, and of who they are about."""

from digipoort_wus.errors import Check

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
