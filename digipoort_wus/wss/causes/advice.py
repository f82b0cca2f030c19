"""What is behind the refusals that need no trying out: it can be read off the message."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from string import ascii_letters, digits
from types import MappingProxyType

import pybase64
from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, ENVELOPED
from digipoort_wus.pki.explain import issuer_of, purposes_of
from digipoort_wus.soap.envelope import local_name
from digipoort_wus.wss.causes.loose import Loose
from digipoort_wus.wss.causes.table import Cause, Found

_HOUR = timedelta(hours=1)
_VALUES = (f"{{{DS}}}SignatureValue", f"{{{DS}}}DigestValue")
_BASE64 = frozenset(f"{ascii_letters}{digits}+/=")

ENVELOPED_TRANSFORM = Cause(
    "enveloped-transform",
    "the References name the enveloped-signature transform",
    "de References noemen de enveloped-signature-transform",
    "Leave it out: one transform, http://www.w3.org/2001/10/xml-exc-c14n#. In node-soap that is "
    "signatureTransformations, in .NET do not add XmlDsigEnvelopedSignatureTransform.",
)
INCLUSIVE_STATED = Cause(
    "inclusive-c14n",
    "the message names inclusive canonicalisation",
    "het bericht noemt inclusive canonicalisation",
    "Name http://www.w3.org/2001/10/xml-exc-c14n# in CanonicalizationMethod and in every "
    "Transform.",
)
DANGLING_ID = Cause(
    "dangling-id",
    "a Reference names an Id that no part that may be signed has",
    "een Reference noemt een Id die geen te ondertekenen onderdeel heeft",
    "Give Body, Timestamp and every wsa header a wsu:Id of their own, and let each Reference name "
    "exactly one of these.",
)
NOT_BASE64 = Cause(
    "not-base64",
    "a value of the Signature is no base64, so it is no signature or digest at all",
    "een waarde in de Signature is geen base64, en dus helemaal geen handtekening of digest",
    "Put the octets into base64 once, with + and / and with = at the end; not hexadecimal, and "
    "not the base64 for URLs.",
)
PART_UNSIGNED = Cause(
    "part-unsigned",
    "a part that must be signed has no Reference",
    "een onderdeel dat ondertekend moet zijn heeft geen Reference",
    "Sign the Body, the Timestamp and every wsa header that is sent: To, Action, MessageID, and "
    "ReplyTo, FaultTo and From where they are present.",
)
CERTIFICATE_ROLE = Cause(
    "certificate-role",
    "the certificate is not for this use",
    "het certificaat is niet voor dit gebruik",
    "Use a certificate whose key usage and policy are for it: to sign, the system (server) "
    "certificate or one for authenticity; never one for authentication or a CA.",
)
CERTIFICATE_DATES = Cause(
    "certificate-expired",
    "the certificate is not valid at this time",
    "het certificaat is op dit moment niet geldig",
    "Use the current certificate, or get a new one.",
)
CERTIFICATE_REVOKED = Cause(
    "certificate-revoked",
    "the certificate was revoked by its issuer",
    "het certificaat is door de uitgever ingetrokken",
    "Get a new certificate; this one does not come back.",
)
CERTIFICATE_UNKNOWN = Cause(
    "certificate-issuer",
    "the certificate does not come from a root that is trusted here",
    "het certificaat komt niet van een root die hier vertrouwd wordt",
    "Use a certificate of the right hierarchy: a test certificate for a sandbox, PKIoverheid "
    "for production.",
)
CLOCK = Cause(
    "clock",
    "the clock of the sender is wrong, or the message was sent long after it was signed",
    "de klok van de afzender loopt niet gelijk, of het bericht is lang na het ondertekenen "
    "verstuurd",
    "Set the clock by NTP, and sign each message, also a repeated one, just before it is sent.",
)
TIME_ZONE = Cause(
    "time-zone",
    "local time was written as if it were UTC",
    "lokale tijd is geschreven alsof het UTC is",
    "Write the Timestamp in UTC: toISOString(), DateTime.UtcNow, Instant.now(), gmdate().",
)


def form_cause(refusal: Refusal, loose: Loose, now: datetime) -> Found | None:
    """Return what is behind a refusal, as far as it can be read off the message.

    Args:
        refusal: of any check.
        loose: the message, as far as it could be read.
        now: the moment of receipt, aware.
    """
    reader = _READERS.get(refusal.check.id)
    return reader(loose, now) if reader is not None else None


def _transform(loose: Loose, _now: datetime) -> Found | None:
    named = [step for reference in loose.references for step in reference.transforms]
    if ENVELOPED in named:
        number = sum(ENVELOPED in reference.transforms for reference in loose.references)
        return Found((ENVELOPED_TRANSFORM,), f"{number} of {len(loose.references)}")
    return _inclusive_stated(named)


def _algorithm(loose: Loose, _now: datetime) -> Found | None:
    method = loose.canonicalization
    return _inclusive_stated([method]) if method is not None else None


def _inclusive_stated(named: list[str]) -> Found | None:
    inclusive = [name for name in named if "c14n" in name and "xml-exc-c14n" not in name]
    return Found((INCLUSIVE_STATED,), inclusive[0]) if inclusive else None


def _value(loose: Loose, _now: datetime) -> Found | None:
    """Name the first value of the Signature that is no base64."""
    signature = loose.signed_info.getparent() if loose.signed_info is not None else None
    values = signature.iter(*_VALUES) if signature is not None else ()
    for value in values:
        fault = _why_not_base64("".join("".join(value.itertext()).split()))
        if fault:
            return Found((NOT_BASE64,), f"{local_name(value)} {fault}")
    return None


def _why_not_base64(text: str) -> str:
    if not text:
        return "is empty"
    foreign = next((char for char in text if char not in _BASE64), None)
    if foreign is not None:
        return f"holds the character {foreign}"
    try:
        octets = pybase64.b64decode(text, validate=True)
    except ValueError:
        return "is cut off, or not padded with ="
    if pybase64.b64encode_as_string(octets) != text:
        return "has stray bits behind its last octet"
    return ""


def _dangling(loose: Loose, _now: datetime) -> Found | None:
    for reference in loose.references:
        target = reference.uri[1:]
        if reference.uri.startswith("#") and target in loose.signable:
            continue
        return Found((DANGLING_ID,), _what_has(loose, reference.uri))
    return None


def _what_has(loose: Loose, uri: str) -> str:
    """Say what an Id is on, if it is anywhere."""
    if not uri.startswith("#"):
        return f"URI {uri[:60] or 'empty'}"
    target = uri[1:]
    shown = f"{target[:60]}"
    for element in loose.root.iter(etree.Element):
        for name, value in element.items():
            if value == target:
                attribute = etree.QName(name)
                own = f"{'wsu:' if attribute.namespace else 'plain '}{attribute.localname}"
                return f"#{shown} is the {own} of {local_name(element)}"
            if value.lower() == target.lower() and etree.QName(name).localname.lower() == "id":
                return f"#{shown} differs in case from the Id of {local_name(element)}"
    return f"nothing has #{shown}"


def _unsigned(loose: Loose, _now: datetime) -> Found | None:
    signed = {reference.uri[1:] for reference in loose.references}
    missing = [
        local_name(part) for part in loose.required if (loose.id_of(part) or "") not in signed
    ]
    return Found((PART_UNSIGNED,), ", ".join(missing)) if missing else None


def _role(loose: Loose, _now: datetime) -> Found | None:
    purposes = purposes_of(loose.certificate) if loose.certificate is not None else ()
    return Found((CERTIFICATE_ROLE,), f"it is for {', '.join(purposes) or 'nothing known here'}")


def _simply(cause: Cause) -> Callable[[Loose, datetime], Found | None]:
    return lambda _loose, _now: Found((cause,))


def _issuer(loose: Loose, _now: datetime) -> Found | None:
    name = issuer_of(loose.certificate) if loose.certificate is not None else ""
    return Found((CERTIFICATE_UNKNOWN,), f"issuer {name}" if name else "")


def _clock(loose: Loose, now: datetime) -> Found | None:
    created = loose.created
    if created is None:
        return None
    ahead = created - now
    hours = round(ahead / _HOUR)
    # Dutch time is one or two hours ahead of UTC.
    if hours in (1, 2) and abs(ahead - hours * _HOUR) < timedelta(minutes=5):
        return Found((TIME_ZONE,), f"Created is {_long(ahead)} ahead")
    where = "ahead of" if ahead > timedelta(0) else "before"
    return Found((CLOCK,), f"Created is {_long(abs(ahead))} {where} the time of receipt")


def _long(duration: timedelta) -> str:
    seconds = int(abs(duration).total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} min"
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds < 172_800
        else (f"{seconds // 86_400} days")
    )


_READERS: Mapping[str, Callable[[Loose, datetime], Found | None]] = MappingProxyType(
    {
        "WSS-SIGNATURE-FORM": _value,
        "WSS-TRANSFORM": _transform,
        "WSS-ALGORITHM": _algorithm,
        "WSS-REF-TARGET": _dangling,
        "WSS-COVERAGE": _unsigned,
        "PKI-PURPOSE": _role,
        "PKI-POLICY": _role,
        "PKI-VALIDITY": _simply(CERTIFICATE_DATES),
        "PKI-REVOKED": _simply(CERTIFICATE_REVOKED),
        "PKI-CHAIN": _issuer,
        "WSS-EXPIRED": _clock,
    }
)
