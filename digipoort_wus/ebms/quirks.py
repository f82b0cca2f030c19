"""What one partner wants otherwise than the others: data, kept beside its CPA.

No CPA can say these things, and no standard settles them; each is known of a real product.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from digipoort_wus.ebms.names import C14N
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import EXC_C14N

_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")


class TransferEncoding(StrEnum):
    """How the octets of payloads are written."""

    UNSAID = "unsaid"
    """As they are, without Content-Transfer-Encoding: what Digikoppeling wants."""
    BINARY = "binary"
    BASE64 = "base64"


class SignalRoles(StrEnum):
    """Whether From and To of a signal have the roles of the message that it answers."""

    LEFT_OUT = "left out"
    ECHOED = "echoed"


class SignalPackage(StrEnum):
    """What a message without payloads is sent as."""

    XML = "text/xml"
    MULTIPART = "multipart/related"


class AcknowledgmentPath(StrEnum):
    """Where an acknowledgment goes."""

    AS_AGREED = "as the CPA says"
    SYNCHRONOUS = "in the HTTP answer"
    ASYNCHRONOUS = "in a request of its own"


class ErrorSignature(StrEnum):
    """Whether a MessageError is signed, as acknowledgments are where that was agreed."""

    UNASKED = "as it comes"
    """Ours are not, and theirs count as they come: TLS says whose they are."""
    REQUIRED = "where acknowledgments are"
    """Ours are, and one of theirs that is not is noted, and ends nothing."""


class CanonicalForm(StrEnum):
    """The canonical form that a signature is made over."""

    INCLUSIVE = C14N
    EXCLUSIVE = EXC_C14N


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The namespace prefixes of an envelope; all are declared on its root.

    Raises:
        ConfigurationError: two are the same, or one is no prefix.
    """

    soap: str = "soap"
    eb: str = "eb"
    xlink: str = "xlink"

    def __post_init__(self) -> None:
        all_of_them = (self.soap, self.eb, self.xlink)
        for prefix in all_of_them:
            # "ds" is that of what the signer adds; xml and what begins like it is reserved.
            if not _PREFIX.fullmatch(prefix) or prefix == "ds" or prefix.lower().startswith("xml"):
                raise ConfigurationError(f"Choose another namespace prefix than {prefix!r}.")
        if len(set(all_of_them)) != len(all_of_them):
            raise ConfigurationError("Choose different prefixes for the namespaces of a message.")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How to write for one partner; the defaults are what Digikoppeling and most others want."""

    prefixes: Prefixes = Prefixes()
    signal_roles: SignalRoles = SignalRoles.LEFT_OUT
    signal_package: SignalPackage = SignalPackage.XML
    acknowledgment_path: AcknowledgmentPath = AcknowledgmentPath.AS_AGREED
    transfer_encoding: TransferEncoding = TransferEncoding.UNSAID
    canonicalization: CanonicalForm = CanonicalForm.INCLUSIVE
    error_signature: ErrorSignature = ErrorSignature.UNASKED


PLAIN = Quirks()
"""A partner without any."""
