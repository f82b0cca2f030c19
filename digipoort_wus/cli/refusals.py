"""A refusal that came back, stored in a file: what it says, and which checks may be behind it."""

import re
from dataclasses import dataclass

import click
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.cli.explained import harmless, line
from digipoort_wus.cli.options import print_json
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import ENDPOINTS, SOAP
from digipoort_wus.soap.envelope import local_name
from digipoort_wus.soap.faultcodes import ROWS, ROWS_ABOUT
from digipoort_wus.wss.causes.remedies import remedy_of
from digipoort_wus.xmlsafe.parse import parse_message

_STATUS = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})")
_NAMED = re.compile(r"\[([A-Z][A-Z0-9-]{2,40})\]")
_ALONE = re.compile(rb"\[[A-Z][A-Z0-9-]{2,40}\] ")
_DIGIPOORT = re.compile(r"([A-Z]{3})([0-9]{3})")
_DIGIKOPPELING = re.compile(r"([0-9]{4}):")
_TEXT_MAX = 2_000
_GIVE = (
    "Give the request that was refused to this command: it says which check it was, where a "
    "message alone can tell."
)
_MEANINGS = {
    100: "form, addressing or size of the request",
    110: "signature or certificate",
    120: "berichtsoort",
    130: "the sender: who it is, what it may do, and how much",
    140: "belanghebbende",
    150: "kenmerk",
    160: "autorisatieAdres",
    170: "attachments",
    400: "technical: at the side of the gateway",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a refusal says.

    Args:
        status: of HTTP, 0 when it is not known.
        faultcode: empty when it is no SOAP fault.
        code: foutcode, or the four digits of Digikoppeling.
        text: foutbeschrijving, or the line of an HTTP answer.
        checks: that have this code; one, when the text names it.
        named: whether the text names its check.
    """

    status: int
    faultcode: str
    faultstring: str
    code: str
    text: str
    checks: tuple[Check, ...]
    named: bool

    @property
    def meaning(self) -> str:
        """Return what the code means at this gateway, empty when it has none."""
        digipoort = _DIGIPOORT.fullmatch(self.code)
        meaning = _MEANINGS.get(int(digipoort[2]), "") if digipoort is not None else ""
        if digipoort is None or not meaning:
            return ""
        served = [s.name for s in ENDPOINTS.values() if s.fault_prefix == digipoort[1]]
        return f"{' '.join(served) or 'an unknown service'}: {meaning}"


def read_refusal(octets: bytes) -> Said | None:
    """Read a SOAP fault, or the one line of an HTTP refusal; None when a file is neither.

    Args:
        octets: of the fault, with or without the head of the HTTP answer.
    """
    found = _STATUS.match(octets)
    status = int(found[1]) if found is not None else 0
    body = _body(octets) if found is not None else octets
    fault = _fault(body)
    if fault is not None:
        return _of_fault(fault, status)
    if status < 400 and _ALONE.match(body) is None:
        return None
    text = harmless(body[:_TEXT_MAX].decode("utf-8", "replace").strip())
    named = _named(text)
    return Said(status, "", "", "", text, named, bool(named))


def print_refusal(said: Said, *, as_json: bool) -> None:
    """Print what a refusal says, what it means, and what to do."""
    if as_json:
        _print_json(said)
        return
    kind = "FAULT" if said.faultcode else "HTTP"
    what = said.code or said.faultcode or (str(said.status) if said.status else "")
    click.echo(f"{click.style(kind, bold=True)}     {what}")
    line("status", str(said.status) if said.status else "")
    line("faultcode", said.faultcode)
    line("faultstr.", said.faultstring)
    line("foutcode", said.code)
    line("text", " ".join(said.text.split()))
    line("meaning", said.meaning)
    if said.named:
        check = said.checks[0]
        line("check", check.id)
        line("rule", check.rule)
        line("clause", check.clause)
        line("do", remedy_of(Refusal(check), None))
        return
    for number, check in enumerate(said.checks):
        line("checks" if not number else "", f"{check.id}: {check.rule}")
    if not said.checks:
        line("checks", "none here has this code: it is of another system")
    line("do", _GIVE)


def _print_json(said: Said) -> None:
    print_json(
        {
            "refusal": {
                "status": said.status or None,
                "faultcode": said.faultcode or None,
                "faultstring": said.faultstring or None,
                "code": said.code or None,
                "text": said.text,
                "meaning": said.meaning or None,
            },
            "named": said.named,
            "checks": [
                {
                    "check": check.id,
                    "clause": check.clause,
                    "rule": check.rule,
                    "remedy": remedy_of(Refusal(check), None),
                }
                for check in said.checks
            ],
        }
    )


def _body(octets: bytes) -> bytes:
    """Return the body of an HTTP answer; of one in chunks, the XML in the first."""
    ends = [(at, end) for end in (b"\r\n\r\n", b"\n\n") if (at := octets.find(end)) > 0]
    if not ends:
        return b""
    at, blank = min(ends)
    body = octets[at + len(blank) :]
    start, end = body.find(b"<"), body.rfind(b">")
    return body[start : end + 1] if 0 <= start <= 12 else body


def _fault(octets: bytes) -> etree._Element | None:
    if b"Fault" not in octets:
        return None
    try:
        root = parse_message(octets)
    except Refusal:
        return None
    return root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")


def _of_fault(fault: etree._Element, status: int) -> Said:
    values: dict[str, str] = {}
    for element in fault.iter(etree.Element):
        values.setdefault(local_name(element), harmless(" ".join((element.text or "").split())))
    faultcode, faultstring = values.get("faultcode", ""), values.get("faultstring", "")
    text = values.get("foutbeschrijving") or values.get("text") or ""
    code = values.get("foutcode") or values.get("code") or ""
    digits = _DIGIKOPPELING.match(faultstring)
    if not code and digits is not None:
        code = digits[1]
    named = _named(f"{text} {faultstring}")
    possible = named or _with_code(code, faultcode.rpartition(":")[2])
    return Said(status, faultcode, faultstring, code, text, possible, bool(named))


def _named(text: str) -> tuple[Check, ...]:
    found = _NAMED.search(text)
    if found is None:
        return ()
    try:
        return (checks.by_id(found[1]),)
    except KeyError:
        return ()


def _with_code(code: str, faultcode: str) -> tuple[Check, ...]:
    """Return the checks whose refusal looks like this one, in the order of the catalogue."""
    digipoort = _DIGIPOORT.fullmatch(code)
    if digipoort is not None:
        prefixes = {service.fault_prefix for service in ENDPOINTS.values()} - {""}
        if digipoort[1] not in prefixes:
            return ()
        number = int(digipoort[2])
        return tuple(c for c in checks.CATALOGUE if c.http is None and c.code == number)
    rows = [*ROWS.items(), *((check, row) for (check, _), row in ROWS_ABOUT.items())]
    fitting = [
        check
        for check, row in rows
        if row.code == code and row.faultcode.rpartition(":")[2] == faultcode
    ]
    return tuple(dict.fromkeys(fitting))
