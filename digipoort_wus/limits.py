"""The numbers that bound what a stranger can make this gateway do with one request.

Bytes are octets, times are seconds unless the name says otherwise. A limit is
checked before the work it bounds is done.
"""

# HTTP
WIRE_MAX_BYTES = 45_000_000
"""Body of one request: a 20 MiB ``inhoud`` in base64 and attachments fit."""
HEADER_DEADLINE_SECONDS = 20
"""From the first octet of a request to its last header line."""
BODY_DEADLINE_SECONDS = 300
"""From the first header line to the last octet of the body."""

# XML
XML_MAX_ELEMENTS = 5_000
"""Of a request; fifty attachments need fewer than three hundred."""
DOCUMENT_MAX_TAGS = 2_000_000
"""Of a filed document: a tree takes about 220 octets of memory for each."""
ANSWER_MAX_ELEMENTS = 500_000
"""Of an answer that a client accepts: a list of statuses has about ten elements a row."""
XML_MAX_DEPTH = 64
XML_MAX_ATTRIBUTES = 64
"""On one element; exclusive canonicalisation is quadratic in attributes."""
XML_MAX_NAME = 256
"""Characters of an element or attribute name, its namespace included."""
XML_MAX_ATTRIBUTE_VALUE = 65_536

# WS-Security
MAX_REFERENCES = 20
SIGNED_INFO_MAX_BYTES = 32_768
"""Canonical octets: SignedInfo is canonicalised before anybody is authenticated."""
TOKEN_MAX_BYTES = 16_384
"""Base64 characters of one BinarySecurityToken."""
ID_MAX = 256
"""Characters of an Id that a Reference may name."""

# The Digipoort contract (XSD 1.2)
INHOUD_MAX_BYTES = 20_971_520
"""Decoded octets of one ``inhoud``: content or attachment."""
MAX_ATTACHMENTS = 50
