"""Checks of HTTP and of MTOM packages."""

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
