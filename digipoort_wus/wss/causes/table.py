"""Why a digest may differ from ours: the mistakes of real signers, each tried out.

A cause is a sentence and a function that makes the octets which a signer with that
mistake would have digested. Found is what makes the claimed digest right; nothing is
guessed from the looks of a message. For explanations only, never for a verdict.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pybase64
from lxml import etree

from digipoort_wus.errors import Hint, Refusal
from digipoort_wus.wss.causes import shapes, texts
from digipoort_wus.wss.causes.cost import PATIENT, cost_of, declarations_in
from digipoort_wus.wss.causes.part import Part, Try

ELABORATE_MAX = 2_000_000
"""Octets of a part: above, only the causes that need a few tries are tried."""
_SHOWN_MAX = 200
_HASHES = ("sha256", "sha1", "sha512", "sha384", "sha224", "md5")


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake of a signer, or of what stands between signer and gateway.

    Args:
        id: stable identifier, such as ``indented``.
        english: what happened, one sentence without its full stop.
        dutch: the same.
        remedy: what to do about it.
        tries: the octets that were digested, if this is what happened.
        few: whether it takes a few tries only.
    """

    id: str
    english: str
    dutch: str
    remedy: str
    tries: Callable[[Part], Iterator[Try]] = field(repr=False, default=lambda _part: iter(()))
    few: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What makes a digest right.

    Args:
        causes: usually one; two where only both together explain it.
        detail: technical particulars, such as which prefix.
        octets: what was digested by the signer; None where that is not known.
    """

    causes: tuple[Cause, ...]
    detail: str = ""
    octets: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Return the identifiers of the causes, joined with a plus."""
        return "+".join(cause.id for cause in self.causes)

    def hint(self, name: str = "") -> Hint:
        """Return the explanation for a fault, of the part of that name if it is about one."""
        before = f"{self.id}: {name}: " if name else f"{self.id}: "
        # Prefixes and Ids in it are the sender's: they shall not steer a terminal.
        shown = "".join(char if char.isprintable() else "?" for char in self.detail[:_SHOWN_MAX])
        behind = f" ({shown})" if shown else ""
        return Hint(
            f"{before}{' and '.join(cause.english for cause in self.causes)}{behind}",
            f"{before}{' en '.join(cause.dutch for cause in self.causes)}{behind}",
        )


HASH_MIXED_UP = Cause(
    "hash-mixed-up",
    "the digest was made with another hash than the message says",
    "de digest is gemaakt met een ander hash-algoritme dan in het bericht staat",
    "Set the digest algorithm in one place: DigestMethod must name the hash that is used.",
)
DIGEST_ENCODED = Cause(
    "digest-encoded",
    "the digest was written as text before it was put into base64",
    "de digest is eerst als tekst geschreven en daarna in base64 gezet",
    "Put the raw octets of the digest into base64, not their hexadecimal or base64 text.",
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "indented",
        "it was indented after signing: without the white space between the elements it is right",
        "het bericht is na het ondertekenen ingesprongen: zonder de witruimte tussen de "
        "elementen klopt het",
        "Sign last, and send exactly what was signed: no pretty-printing, no formatOutput, no "
        "logging handler that writes the message anew.",
        shapes.without_white_space,
        few=True,
    ),
    Cause(
        "prefix-list",
        "the PrefixList of InclusiveNamespaces was used in one place and not in the other",
        "de PrefixList van InclusiveNamespaces is op de ene plaats wel gebruikt en op de andere "
        "niet",
        "Give the canonicaliser exactly the prefixes that stand in the PrefixList.",
        shapes.other_prefix_lists,
        few=True,
    ),
    Cause(
        "inclusive-c14n",
        "inclusive canonicalisation was used where the message says exclusive",
        "er is inclusive canonicalisation gebruikt, terwijl in het bericht exclusive staat",
        "Use http://www.w3.org/2001/10/xml-exc-c14n# both in the message and in the call that "
        "canonicalises.",
        shapes.inclusive,
        few=True,
    ),
    Cause(
        "content-only",
        "the digest is that of the content, without the element itself",
        "de digest is die van de inhoud, zonder het element zelf",
        "Canonicalise the element with its own start and end tag.",
        shapes.content,
        few=True,
    ),
    Cause(
        "prefix-renamed",
        "a namespace prefix was changed after signing",
        "na het ondertekenen is een namespace-prefix veranderd",
        "Send exactly what was signed: something behind the signer parses the message and "
        "writes it with prefixes of its own.",
        shapes.other_prefixes,
    ),
    Cause(
        "not-canonicalised",
        "the digest is that of serialised XML, not of its canonical form",
        "de digest is die van geserialiseerde XML, niet van de canonieke vorm",
        "Canonicalise each part with exclusive canonicalisation and digest those octets.",
        shapes.serialised,
    ),
    Cause(
        "wrong-part",
        "the digest is that of another element",
        "de digest is die van een ander element",
        "Let each Reference name the wsu:Id of the element whose digest it holds.",
        shapes.other_elements,
    ),
    Cause(
        "crlf",
        "it was signed with CRLF line ends, which XML reads as LF",
        "er is ondertekend met regeleinden CRLF, die XML als LF leest",
        "Make the line ends LF before signing; in base64 leave them out.",
        texts.line_ends,
        few=True,
    ),
    Cause(
        "id-added-later",
        "the digest was made before the wsu:Id was put on the element",
        "de digest is gemaakt voordat de wsu:Id op het element stond",
        "Put every wsu:Id in its place first, then make the digests.",
        shapes.without_ids,
        few=True,
    ),
    Cause(
        "attributes-changed",
        "an attribute was added or removed after signing",
        "na het ondertekenen is een attribuut toegevoegd of weggehaald",
        "Set all attributes, mustUnderstand too, before signing.",
        shapes.other_attributes,
        few=True,
    ),
    Cause(
        "enveloped",
        "the signature was taken out first, as the enveloped-signature transform does",
        "de handtekening is er eerst uitgehaald, zoals de enveloped-signature-transform doet",
        "Sign Body, Timestamp and wsa headers each by their own wsu:Id, without the enveloped "
        "transform.",
        shapes.enveloped,
        few=True,
    ),
    Cause(
        "namespace-missing",
        "elements were made without their namespace, so its declaration was not signed",
        "elementen zijn zonder hun namespace gemaakt, zodat de declaratie niet is ondertekend",
        "Make every element with its namespace (createElementNS), not with a prefix in its name.",
        shapes.undeclared,
        few=True,
    ),
    Cause(
        "declaration-or-bom",
        "a byte order mark or an XML declaration was digested too",
        "er is een byte order mark of XML-declaratie meegenomen in de digest",
        "Digest the canonical form of the element only.",
        shapes.preceded,
        few=True,
    ),
    Cause(
        "encoding",
        "the text was digested in another encoding than UTF-8",
        "de tekst is in een andere codering dan UTF-8 in de digest opgenomen",
        "Canonical XML is UTF-8: digest those octets, and read and write your data as UTF-8.",
        texts.other_encodings,
        few=True,
    ),
    Cause(
        "escaped-twice",
        "characters such as & were escaped once more, or once less, after signing",
        "tekens zoals & zijn na het ondertekenen nog een keer, of juist niet, vervangen",
        "Let the XML library escape, once.",
        texts.otherwise_escaped,
        few=True,
    ),
    Cause(
        "base64-rewrapped",
        "the lines of base64 were broken, or joined, after signing",
        "de regels van de base64 zijn na het ondertekenen afgebroken of samengevoegd",
        "Write base64 on one line, and change nothing after signing.",
        texts.otherwise_wrapped,
    ),
    Cause(
        "text-trimmed",
        "white space around texts was added or removed after signing",
        "witruimte rond teksten is na het ondertekenen toegevoegd of weggehaald",
        "Trim texts before signing, and change nothing afterwards.",
        texts.otherwise_trimmed,
    ),
    Cause(
        "reindented",
        "it was signed with an indentation that is not there any more",
        "er is ondertekend met een inspringing die er nu niet meer is",
        "Send exactly what was signed; keep white space when the signed message is parsed again "
        "(PreserveWhitespace).",
        shapes.indented_otherwise,
    ),
    Cause(
        "timestamp-rewritten",
        "Created or Expires was written anew after signing",
        "Created of Expires is na het ondertekenen opnieuw geschreven",
        "Write the Timestamp once, and sign that.",
        texts.other_timestamps,
    ),
    Cause(
        "nothing-digested",
        "the digest is that of nothing at all: the signer did not find the element",
        "de digest is die van helemaal niets: de ondertekenaar vond het element niet",
        "Give the signer elements that stand in the message, with their wsu:Id.",
        shapes.nothing,
        few=True,
    ),
)
"""Every cause of a wrong digest; those that need a few tries are tried first."""

_TOGETHER = ("indented", "id-added-later")
"""Causes that occur together with others: without these in the way, the rest is tried again."""


def cause_of(
    part: Part,
    claimed: bytes,
    stated: str,
    *,
    cost: int = PATIENT,
    causes: Sequence[Cause] = CAUSES,
) -> Found | None:
    """Return what makes a claimed digest right, None when nothing that is known does.

    Args:
        part: what was digested, as it came.
        claimed: the decoded DigestValue, or the digest inside a signature.
        stated: the hash that the message names, as ``hashlib`` calls it.
        cost: about how many octets may be written and digested.
        causes: what to try.
    """
    search = _Search(
        claimed, stated, cost, declarations_in(etree.tostring(part.root, encoding="UTF-8"))
    )
    found = search.matches(Try(part.octets), ())
    if found is not None or search.is_beyond(part):
        return found
    ordered = sorted(causes, key=lambda cause: not cause.few)
    if len(part.octets) > ELABORATE_MAX:
        return search.through(part, [cause for cause in ordered if cause.few])
    found = search.through(part, ordered)
    for first in ordered:
        if found is None and first.id in _TOGETHER:
            found = _with(first, part, ordered, search)
    return found


def _with(first: Cause, part: Part, causes: Sequence[Cause], search: "_Search") -> Found | None:
    """Return what makes the digest right together with one cause, which is undone first."""
    for attempt in _written(first, part):
        if search.is_spent:
            break
        if attempt.element is None or attempt.octets == part.octets:
            continue
        undone = replace(part, element=attempt.element, octets=attempt.octets, source=None)
        others = [cause for cause in causes if cause is not first]
        found = search.through(undone, others)
        return found and replace(found, causes=(first, *found.causes))
    return None


class _Search:
    """Compares octets with one claimed digest, until its means are spent."""

    def __init__(self, claimed: bytes, stated: str, cost: int, declared: int) -> None:
        self._left = cost
        self._declared = declared
        self._stated = stated
        self._wanted = [
            (value, name, how)
            for value, how in _readings(claimed)
            for name in sorted(_HASHES, key=lambda name: name != stated)
            if _size(name) == len(value)
        ]

    @property
    def is_spent(self) -> bool:
        """Tell whether nothing may be tried any more."""
        return self._left < 0

    def is_beyond(self, part: Part) -> bool:
        """Tell whether a single try would take a large share of what may be spent."""
        return 10 * cost_of(part.octets, self._declared) > self._left

    def through(self, part: Part, causes: Sequence[Cause]) -> Found | None:
        """Return the first of the causes that makes the digest right, while there are means."""
        for cause in causes:
            found = None if self.is_spent else self._by(part, cause)
            if found is not None:
                return found
        return None

    def _by(self, part: Part, cause: Cause) -> Found | None:
        for attempt in _written(cause, part):
            octets = attempt.octets
            self._left -= cost_of(octets, self._declared) if attempt.rendered else len(octets)
            if self.is_spent:
                return None
            if attempt.octets == part.octets:
                continue
            found = self.matches(attempt, (cause,))
            if found is not None:
                return found
        return None

    def matches(self, attempt: Try, causes: tuple[Cause, ...]) -> Found | None:
        digests: dict[str, bytes] = {}
        for value, name, how in self._wanted:
            if name not in digests:
                digests[name] = _digest(name, attempt.octets)
            if not hmac.compare_digest(digests[name], value):
                continue
            details = [attempt.detail, how]
            if how:
                causes = (*causes, DIGEST_ENCODED)
            if name != self._stated:
                causes = (*causes, HASH_MIXED_UP)
                details.append(f"{name}, not {self._stated}")
            return Found(causes, ", ".join(filter(None, details)), attempt.octets)
        return None


def _written(cause: Cause, part: Part) -> Iterator[Try]:
    # What cannot be written, such as a character that XML does not have, was not signed.
    with suppress(ValueError, Refusal, etree.LxmlError):
        yield from cause.tries(part)


def _readings(claimed: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield a digest as it came, and as the text that it may be."""
    yield claimed, ""
    try:
        text = claimed.decode("ascii").strip()
    except UnicodeDecodeError:
        return
    with suppress(ValueError):
        yield bytes.fromhex(text), "hexadecimal text"
    with suppress(ValueError):
        yield pybase64.b64decode(text, validate=True), "base64 twice"


def _digest(name: str, octets: bytes) -> bytes:
    return hashlib.new(name, octets, usedforsecurity=False).digest()


def _size(name: str) -> int:
    return hashlib.new(name, usedforsecurity=False).digest_size
