"""Names fixed by ebMS 2.0, CPPA 2.0 and the Digikoppeling profiles: URIs, actions, actors."""

EB = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
CPA = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd"
XLINK = "http://www.w3.org/1999/xlink"
XMLENC = "http://www.w3.org/2001/04/xmlenc#"
XMLENC11 = "http://www.w3.org/2009/xmlenc11#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XPATH_TRANSFORM = "http://www.w3.org/TR/1999/REC-xpath-19991116"

VERSION = "2.0"
SOAP_ACTION = '"ebXML"'
"""The value of the HTTP header, quotes included."""

ACTOR_TO_PARTY = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
ACTOR_NEXT_MSH = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH"
ACTOR_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"

SIGNALS = "urn:oasis:names:tc:ebxml-msg:service"
"""The service of every signal; it has no type."""
ERRORS = "urn:oasis:names:tc:ebxml-msg:service:errors"
"""The code context of an error that names none."""

ACKNOWLEDGMENT = "Acknowledgment"
MESSAGE_ERROR = "MessageError"
PING = "Ping"
PONG = "Pong"
STATUS_REQUEST = "StatusRequest"
STATUS_RESPONSE = "StatusResponse"

OIN_TYPE = "urn:osb:oin"
SERVICE_TYPE = "urn:osb:services"
