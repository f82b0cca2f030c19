"""The numbers that bound what a stranger can make this gateway do with one request.

Bytes are octets, times are seconds unless the name says otherwise. A limit is
checked before the work it bounds is done.
"""

# HTTP
WIRE_MAX_BYTES = 45_000_000
"""Body of one request: a 20 MiB ``inhoud`` in base64 and attachments fit."""
HANDSHAKE_DEADLINE_SECONDS = 15
"""From the connection to the end of the TLS handshake."""
IDLE_SECONDS = 60
"""A connection without a request; also the time to close it after the last answer."""
HEADER_DEADLINE_SECONDS = 20
"""From the first octet of a request to its last header line."""
BODY_DEADLINE_SECONDS = 300
"""From the last header line to the last octet of the body."""
BODY_WINDOW_SECONDS = 15
"""A body that is still coming brings ``BODY_MIN_RATE`` in each of these windows."""
BODY_MIN_RATE = 8_000
"""Octets per second, 64 kbit/s: less, and what came of a body is held for nothing."""
ANSWER_STALL_SECONDS = 60
"""An answer of which a client has read nothing at the next look is dropped."""
REQUEST_DEADLINE_SECONDS = 600
"""From the first octet of a request to the last of its answer."""
SESSION_MAX_SECONDS = 3_600
"""A connection's age at which it is closed behind its next answer (Digikoppeling WT008)."""
MAX_CONNECTIONS = 1_000
"""A tenth more is told so with 503; what comes beyond is closed before the TLS handshake."""
MAX_CONNECTIONS_PER_ADDRESS = 100
"""Of one IPv4 address or one IPv6 network of 64 bits; a tenth more is told so, too."""
IN_FLIGHT_MAX_BYTES = 256_000_000
"""Of all bodies that are being received or judged and all large answers that are being
read; more is answered 503. One address may hold half of it."""
HEADERS_MAX = 100
"""Header lines of one request."""
HEADERS_MAX_BYTES = 16_384
"""Of the request line and all header lines together."""
HEADER_NAME_MAX = 128
"""Octets of the name of one header."""
CHUNKS_MAX = 65_536
"""Of one chunked body: chunks of a few octets cost more time than they bring."""
DISCARD_SECONDS = 10
"""How long the rest of a refused body is thrown away, so that its sender reads the answer."""

# CRLs that are fetched
CRL_MAX_BYTES = 10_000_000
"""Of one list: about 250,000 revoked certificates."""
CRL_DEADLINE_SECONDS = 60
"""From the connection to the last octet of one list."""
CRL_REFRESH_SECONDS = 14_400
"""At most between two fetches of a list; sooner when half of what is left of it is less."""

# MTOM
MTOM_MAX_PARTS = 50
"""Beside the envelope."""
MTOM_MAX_HEADER_BYTES = 4_096
"""Of all headers of one part, also of an ebMS package."""

# ebMS
EBMS_WIRE_MAX_BYTES = 72_000_000
"""Body of one request: a payload of 50 MiB fits in base64, with its line ends."""
EBMS_ANSWER_MAX_BYTES = 1_048_576
"""Of what another message handler answers: a signal, with the digests of a hundred payloads."""
EBMS_MAX_PARTS = 100
"""Beside the envelope; agreements of the government have one to a few."""

# The interface for applications
BACKEND_JSON_MAX_BYTES = 4_194_304
"""Of a body in JSON: what is larger goes as multipart/form-data, whose limit is that of ebMS."""
BACKEND_INLINE_MAX_BYTES = 65_536
"""Payloads that come with their message in JSON, all together; others have a URL alone."""
BACKEND_ANSWER_SECONDS = 20
"""How long an application waits for what the other party answers to a question."""
BACKEND_CONNECTIONS_MAX = 50
"""Of all applications together; what comes beyond is closed."""

# XML
XML_MAX_ELEMENTS = 5_000
"""Of a request; fifty attachments need fewer than three hundred."""
JUDGED_AT_ONCE_BYTES = 1_048_576
"""Octets of a filed document; a larger one is judged beside the others, not before them."""
ANSWER_MAX_ELEMENTS = 500_000
"""Of an answer that a client accepts: a list of statuses has about ten elements a row."""
XML_MAX_DEPTH = 64
XML_MAX_TAG = 65_536
"""Octets of one tag, its attributes included."""
XML_MAX_TEXT = 65_536
"""Octets of a text of a request, contents excepted: those have ``INHOUD_MAX_BYTES``."""
XML_MAX_ATTRIBUTES = 64
"""On one element; exclusive canonicalisation is quadratic in attributes."""
XML_MAX_ALL_ATTRIBUTES = 4_000
"""Of a request; fifty attachments need a few hundred."""
XML_MAX_NAME = 256
"""Octets of a name as it is written, prefix included, and of a namespace."""
XML_MAX_NAMES = 1_000
"""Different names, namespaces and indentations of one message that is not large."""
XML_MAX_DECLARATIONS = 256
"""Of namespaces for a prefix."""
XML_MAX_LOOKUPS = 500_000
"""Such declarations, times elements and attributes: canonicalisation looks through those in
scope for each. Fifty attachments and a hundred declarations make fifty thousand."""
KNOWN_NAMES_MAX = 2_000
"""Names, namespaces and indentations that the threads of a process keep for ever, in
libxml2's dictionaries; a message with others is judged in a thread that ends."""
KNOWN_NAMES_MAX_BYTES = 65_536
"""Of all of them together."""

# WS-Security
MAX_REFERENCES = 20
EBMS_MAX_REFERENCES = 101
"""Of one ebMS signature: the envelope and a hundred payloads."""
MAX_PREFIXES = 32
"""Of one InclusiveNamespaces PrefixList: each is looked for at each canonicalised element."""
PREFIX_MAX = 64
"""Characters of a prefix in such a list."""
REFERENCED_ELEMENTS_MAX = 20_000
"""Elements that References name, as often as they do, and once more for each listed prefix."""
SIGNED_INFO_MAX_BYTES = 32_768
"""Of its text, of its attributes, and canonical: SignedInfo is canonicalised before anybody
is authenticated."""
TOKEN_MAX_BYTES = 16_384
"""Base64 characters of one BinarySecurityToken."""
SIGNATURE_MAX_BYTES = 4_096
"""Base64 characters of one SignatureValue: an RSA key of 16,384 bits and line ends fit."""
DIGEST_MAX_BYTES = 256
"""Base64 characters of one DigestValue, white space included."""
ID_MAX = 256
"""Characters of an Id that a Reference may name."""

# The Digipoort contract (XSD 1.2)
INHOUD_MAX_BYTES = 20_971_520
"""Decoded octets of one ``inhoud``: content or attachment."""
MAX_ATTACHMENTS = 50

# What agencies and gateways answer each other
DELIVERY_ANSWER_MAX_BYTES = 65_536
"""Of the answer to a delivery, a report or an offered message: there are no contents in it."""

# The Echo service
ECHO_TEXT_MAX = 10_000
"""Characters of the text of one echo."""
ECHO_DATA_MAX_BYTES = 1_048_576
"""Decoded octets of the data of one echo, which is signed while others wait."""

# Rule workers
RULE_WORKER_START_SECONDS = 120
"""From the start of a worker until it has loaded the rule sets."""
RULE_WORKER_GRACE_SECONDS = 5
"""On top of the time of a filing: that a filing waits for a worker, and that one which forks, and
watches the clock itself, may take."""
RULE_WORKER_BACK_OFF_SECONDS = 10
"""At most between two starts of workers that end again and again."""
RULE_CASES_SECONDS = 120
"""Of all cases of the rule sets, when they are loaded anew."""
