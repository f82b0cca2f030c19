"""One request and its answer: zeep writes and reads, everything between is ours."""

import importlib
import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from lxml import etree

from digipoort_wus import limits
from digipoort_wus.client.checks import ANSWER_SCHEMA
from digipoort_wus.client.errors import AnswerRefused
from digipoort_wus.client.wsse import DigipoortAddressing, DigipoortWsse
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import Service
from digipoort_wus.wss.verify import Verified
from digipoort_wus.xmlsafe.parse import parse_message

if TYPE_CHECKING:
    from digipoort_wus.client.transport import DigipoortTransport

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of whom."""

    service: Service
    operation: str
    url: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A verified answer.

    Args:
        value: what zeep read from the verified Body; it has no types.
        verified: what was signed, and by whom.
        octets: the answer as it came.
    """

    value: Any
    verified: Verified
    octets: bytes = field(repr=False)


def exchange(
    transport: "DigipoortTransport", wsse: DigipoortWsse, call: Call, values: Mapping[str, object]
) -> Exchanged:
    """Send a request and return its verified answer.

    zeep would parse the answer with its own parser; it is asked for the raw answer
    instead, so that there is one parse, and that is the hardened one.

    Raises:
        ConfigurationError: the values do not fit the request.
        DigipoortFault, ConnectionFailed, AnswerRefused: there is no usable answer.
    """
    zeep = _zeep()
    client = zeep.Client(
        _description(call.service.name),
        wsse=wsse,
        transport=transport,
        plugins=[DigipoortAddressing(lambda: call.message_id)],
        settings=zeep.Settings(strict=True, raw_response=True),
    )
    (name,) = client.wsdl.bindings
    try:
        answer = client.create_service(name, call.url)[call.operation](**values)
    except (zeep.exceptions.ValidationError, TypeError, ValueError) as error:
        # lxml refuses characters that XML cannot write, and zeep missing values.
        raise ConfigurationError(
            f"The values do not fit {call.operation}: give all that are required, without "
            "control characters."
        ) from error
    try:
        root = parse_message(
            answer.content,
            max_elements=limits.ANSWER_MAX_ELEMENTS,
            max_text=limits.WIRE_MAX_BYTES,
        )
    except Refusal as refusal:
        raise AnswerRefused(refusal) from refusal
    verified = wsse.open(root)
    operation = client.wsdl.bindings[name].get(call.operation)
    return Exchanged(read_value(operation.process_reply, root), verified, answer.content)


def read_value(read: Callable[[Any], _T], value: Any) -> _T:
    """Read a signed answer.

    Raises:
        AnswerRefused: it does not follow the schema.
    """
    unreadable = (AttributeError, TypeError, ValueError, ArithmeticError, etree.LxmlError)
    try:
        return read(value)
    except (_zeep().exceptions.Error, *unreadable):
        # What they say may quote the answer.
        raise AnswerRefused(Refusal(ANSWER_SCHEMA)) from None


def _zeep() -> Any:
    """Return zeep, which is slow to import and has hardly any types."""
    return importlib.import_module("zeep")


@cache
def _description(service: str) -> Any:
    """Return zeep's reading of a packaged WSDL; nothing is fetched for it."""
    zeep = _zeep()
    folder = importlib.resources.files("digipoort_wus") / "_wsdl"
    with importlib.resources.as_file(folder) as path:
        return zeep.wsdl.Document(
            str(path / f"{service}_1.2.wsdl"),
            zeep.Transport(),
            settings=zeep.Settings(strict=True, forbid_dtd=True, forbid_external=True),
        )
