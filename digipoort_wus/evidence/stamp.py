"""Time stamps (RFC 3161): what to ask an authority, and what its answer shows.

How the question travels is the caller's: ``application/timestamp-query`` over HTTP, answered
by ``application/timestamp-reply``. The package for it is the extra ``timestamp``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from cryptography import x509

from digipoort_wus.errors import ConfigurationError, DigipoortError
from digipoort_wus.evidence.findings import MAY_DIFFER, Disproved, Problem

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
REPLY_MAX_BYTES = 65_536
"""Of an answer; one with its certificates is of a few thousand."""
ALARM_AFTER = timedelta(hours=4)
"""So long a batch may be without a stamp, unless the operator says another time."""
SKEW = MAY_DIFFER
"""So far the clocks of gateway and authority may be apart."""


class Stamping(Enum):
    """Whether batches are stamped."""

    OFF = "nobody is asked"
    WANTED = "asked; when no answer comes in time, an alarm"
    REQUIRED = "asked; when no answer comes in time, the gateway says that it is not ready"


class StampState(Enum):
    """What a gateway has to do about its stamps."""

    FINE = "fine"
    ALARM = "alarm"
    NOT_READY = "not ready"


@dataclass(frozen=True, slots=True)
class StampPolicy:
    """How much a gateway depends on stamps.

    Args:
        stamping: whether, and how strictly.
        alarm_after: how long a batch may be without one.
    """

    stamping: Stamping = Stamping.OFF
    alarm_after: timedelta = ALARM_AFTER

    def state(self, oldest: datetime | None, now: datetime) -> StampState:
        """Return what to do.

        Args:
            oldest: when the oldest batch without a stamp was sealed; None when all have one.
            now: moment of the question.
        """
        if self.stamping is Stamping.OFF or oldest is None:
            return StampState.FINE
        # One that a clock dated ahead would otherwise be waited for until then.
        if -SKEW <= now - oldest <= self.alarm_after:
            return StampState.FINE
        return StampState.NOT_READY if self.stamping is Stamping.REQUIRED else StampState.ALARM


class NoStamp(DigipoortError):
    """The authority gave no answer that could be a stamp; ``str()`` says why, for a log."""


@dataclass(frozen=True, slots=True)
class StampQuery:
    """A question: the octets to send, and the number that the answer must repeat."""

    octets: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """An answer that was verified: its octets, and the time that it vouches for."""

    octets: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Believed:
    """Which stamps are believed.

    Args:
        roots: of authorities, and intermediates that they do not send.
        policy: OID under which they must have been given, such as ``1.2.3.4.1``; empty: any.
    """

    roots: tuple[x509.Certificate, ...]
    policy: str = ""


def stamp_query(stamped: bytes) -> StampQuery:
    """Return a question for a stamp over octets, with a nonce and asking for the certificate.

    Under which policy it is given is the authority's choice; the answer is judged by it.

    Raises:
        ConfigurationError: the extra ``timestamp`` is not installed.
    """
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
    except ImportError as error:
        raise _not_installed() from error
    builder = TimestampRequestBuilder().data(stamped).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    if request.nonce is None:
        raise ValueError("a question without a nonce was made")
    return StampQuery(request.as_bytes(), request.nonce)


def verify_stamp(
    answer: bytes,
    stamped: bytes,
    roots: Sequence[x509.Certificate],
    *,
    nonce: int | None = None,
    policy: str = "",
) -> Stamp:
    """Return what an answer of a time stamping authority shows.

    The authority's certificates need to have been valid at the time that it names.

    Args:
        answer: the whole response, DER.
        stamped: what it should be over.
        roots: of authorities that are believed, and intermediates that they do not send.
        nonce: of the question, when this is its answer; None for a stored one.
        policy: OID under which it must have been given; empty: any.

    Raises:
        Disproved: STAMP; it is no stamp, or one of somebody else, or over something else.
        ConfigurationError: the extra ``timestamp`` is not installed, or there is no root.
    """
    try:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError as error:
        raise _not_installed() from error
    if not roots:
        raise ConfigurationError(
            "No time stamping authority is believed: give the file of its root certificates."
        )
    if len(answer) > REPLY_MAX_BYTES:
        raise Disproved(Problem.STAMP, f"more than {REPLY_MAX_BYTES} octets")
    try:
        response = decode_timestamp_response(answer)
        _require_one_signer(response)
        under = x509.ObjectIdentifier(policy) if policy else None
        verifier = VerifierBuilder(roots=list(roots), nonce=nonce, policy_id=under).build()
        verifier.verify_message(response, stamped)
        at = response.tst_info.gen_time
    except VerificationError as error:
        raise Disproved(Problem.STAMP, str(error)[:100]) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise Disproved(Problem.STAMP, "no time stamp that can be read") from error
    return Stamp(answer, at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))


def require_fresh(stamp: Stamp, now: datetime) -> None:
    """Refuse an answer of another time than now: one of the two clocks is wrong.

    Args:
        stamp: an answer that was verified and came just now.
        now: by the gateway's clock.

    Raises:
        Disproved: STAMP_TIME.
    """
    if abs(stamp.at - now) > SKEW:
        detail = f"the authority's clock and ours are {abs(stamp.at - now)} apart"
        raise Disproved(Problem.STAMP_TIME, detail)


def require_plausible(stamp: Stamp, sealed_at: datetime) -> None:
    """Refuse a stamp of a time before the batch was sealed.

    Args:
        stamp: one that was verified.
        sealed_at: by the gateway's clock, which may be five minutes ahead.

    Raises:
        Disproved: STAMP_TIME.
    """
    if stamp.at + SKEW < sealed_at:
        raise Disproved(Problem.STAMP_TIME, "stamped before it was sealed")


def _require_one_signer(response: "TimeStampResponse") -> None:
    """Refuse two certificates of one name and number: checks of either could be of the other."""
    found = [x509.load_der_x509_certificate(der) for der in response.signed_data.certificates]
    named = Counter((each.issuer.public_bytes(), each.serial_number) for each in found)
    if any(count > 1 for count in named.values()):
        raise Disproved(Problem.STAMP, "two certificates of one issuer and serial number")


def _not_installed() -> ConfigurationError:
    return ConfigurationError(
        "Time stamps need a package that is not installed: pip install 'digipoort-wus[timestamp]'."
    )
