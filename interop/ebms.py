"""Runs the scenarios of ebMS 2.0 between two sides, and prints a table of what came of it.

A side is the peer of ebms-saaj, our library, or our gateway: see Side.
"""

# ruff: noqa: T201 - a program that prints what it finds.

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit

# PYTHONSAFEPATH keeps the folder of a script off the path.
sys.path.append(str(Path(__file__).parent))

from ebms_cpa import BACK, OUT, CpaParty, Profile, written
from ebms_gateway import Gateway
from ebms_library import Library
from ebms_made import made
from ebms_peer import Peer
from ebms_raw import FORMS, Form, Header, new_id, sent
from ebms_scenarios import (
    Exchange,
    NamedSide,
    Side,
    UnexpectedError,
    judged,
    refused,
    scenarios,
)
from stacks import HERE, Stack, build

from digipoort_wus.ebms.quirks import (
    CanonicalForm,
    Prefixes,
    Quirks,
    SignalPackage,
    TransferEncoding,
)
from digipoort_wus.names import EXC_C14N

PKI = HERE.parent / "certs-test" / "g1"
VECTORS = HERE.parent / "tests" / "vectors" / "ebms-saaj"
FILING = HERE / "filing.xbrl"
AGENCY, GATEWAY = "00000099000000004000", "00000099000000001000"
"""OINs of the identities agency and gateway-tls."""
ROLES = ("AGENCY", "GATEWAY")

PROFILES = (
    Profile("osb-be"),
    Profile("osb-be-s"),
    Profile("osb-be-e"),
    Profile("osb-rm"),
    Profile("osb-rm-s"),
    Profile("osb-rm-e"),
    Profile("osb-rm", sync=True),
    Profile("osb-rm-s", sync=True),
)
STYLES = {
    "core": ("core", ""),
    "saaj": ("saaj", ""),
    "base64": ("base64", ""),
    "exclusive": ("core", EXC_C14N),
}
"""How the peer writes, style and canonical form: see its README."""
QUIRKS = {
    "core": Quirks(),
    "saaj": Quirks(
        prefixes=Prefixes(soap="SOAP-ENV"),
        signal_package=SignalPackage.MULTIPART,
        transfer_encoding=TransferEncoding.BINARY,
    ),
    "base64": Quirks(
        prefixes=Prefixes(soap="SOAP", eb="e"), transfer_encoding=TransferEncoding.BASE64
    ),
    "exclusive": Quirks(canonicalization=CanonicalForm.EXCLUSIVE),
}
"""How our library writes for a peer of that style."""
WORDS = {
    "core": {},
    "saaj": {
        "prefix_soap": "SOAP-ENV",
        "signal_package": "multipart",
        "transfer_encoding": "binary",
    },
    "base64": {"prefix_soap": "SOAP", "prefix_eb": "e", "transfer_encoding": "base64"},
    "exclusive": {"canonicalization": "exclusive"},
}
"""The same for our gateway, as it is told."""
MADE = ("base64", "exclusive")
"""Where the agreements are made by our library."""


def parties(first: NamedSide, second: NamedSide) -> tuple[CpaParty, CpaParty]:
    """Return what a CPA says of both."""
    a, b = (
        CpaParty(side.oin, role, side.url, PKI / f"{side.identity}.pem")
        for side, role in zip((first, second), ROLES, strict=True)
    )
    return a, b


@dataclass(frozen=True)
class Bench:
    """Where two sides are tried, and what was found.

    Args:
        title: of the lines that are printed.
        work: a directory for agreements and payloads.
        failures: what went otherwise, a line each.
        write: makes an agreement: its id, the parties, the profile.
    """

    title: str
    work: Path
    failures: list[str]
    write: Callable[[str, CpaParty, CpaParty, Profile], str] = written

    def payloads(self) -> list[Path]:
        """Return the files that are sent: XML, and octets with what looks like a boundary."""
        paths = [self.work / "filing.xml", self.work / "octets.bin"]
        paths[0].write_bytes(FILING.read_bytes())
        paths[1].write_bytes(bytes(range(256)) * 4 + b"\r\n--\r\n--core\r\n")
        return paths

    def agreed(self, parties: tuple[CpaParty, CpaParty], profile: Profile) -> Path:
        """Write the CPA of a profile, under the name that is its id."""
        path = self.work / f"{name_of(profile)}.xml"
        path.write_text(self.write(path.stem, *parties, profile))
        return path

    def try_profiles(self, first: NamedSide, second: NamedSide) -> None:
        """Run every scenario of every profile both ways; only a Peer can be made to err."""
        for profile in PROFILES:
            cpa = self.agreed(parties(first, second), profile)
            for side in (first, second):
                side.agree(cpa)
            for sender, receiver, action in ((first, second, OUT), (second, first, BACK)):
                exchange = Exchange(sender, receiver, cpa.stem, action, self.payloads())
                faulty = [side if isinstance(side, Peer) else None for side in (sender, receiver)]
                for scenario, run in scenarios(exchange, profile, *faulty).items():
                    self.judge(f"{cpa.stem:14} {action:8} {scenario}", run)
        self.try_refusals(first, second)

    def try_refusals(self, first: NamedSide, second: NamedSide) -> None:
        """Let each send what the other one has agreed on otherwise."""
        plain, signed = (self.work / f"{name}.xml" for name in ("osb-rm", "osb-rm-s"))
        otherwise = self.work / "otherwise.xml"
        otherwise.write_text(signed.read_text().replace('"osb-rm-s"', '"osb-rm"'))
        for sender, receiver, action in ((first, second, OUT), (second, first, BACK)):
            exchange = Exchange(sender, receiver, "osb-rm", action, self.payloads())
            line = f"osb-rm         {action:8} refused"
            self.judge(line, partial(refused, exchange, plain, otherwise))

    def try_forms(self, receiver: NamedSide, *, http: bool) -> None:
        """Send what is written by hand, as the first party: http, forms of HTTP as well."""
        port = urlsplit(receiver.url).port or 0
        header = Header("osb-be", (AGENCY, ROLES[0]), (GATEWAY, ROLES[1]), OUT)
        for form in FORMS:
            if http or not form.http:
                self.judge(
                    f"by hand        {form.name}", partial(_sent, form, receiver, port, header)
                )

    def judge(self, line: str, run: Callable[[], None]) -> None:
        """Run a scenario, and print what came of it."""
        verdict = judged(run)
        # In one piece: others print as well.
        print(f"{self.title:10} {line:48} {verdict}\n", end="", flush=True)
        if verdict != "ok":
            self.failures.append(f"{self.title} {line}: {verdict}")


def _sent(form: Form, receiver: Side, port: int, header: Header) -> None:
    message_id = new_id()
    request = form.octets(f"localhost:{port}", header, message_id)
    status = sent(port, request, PKI, "agency")
    arrived = any(each.message_id == message_id for each in receiver.arrived())
    if (status in (200, 204)) != form.taken or arrived != form.taken:
        raise UnexpectedError(f"HTTP {status}, {'taken' if arrived else 'not taken'}")


def name_of(profile: Profile) -> str:
    """Return what a profile is called here, and its CPA."""
    return profile.name + ("-sync" if profile.sync else "")


def _peer(identity: str, oin: str, style: str, trace: Path | None = None) -> Peer:
    written_as, c14n = STYLES[style]
    return Peer(PKI, identity, oin, style=written_as, trace=trace, c14n=c14n)


def run_between_peers(style: str, work: Path) -> list[str]:
    """Run all between two peers of one style, print verdicts, and return the failures.

    What passes is kept in the folders first and second.
    """
    bench = Bench(style, work, [])
    traces = [work / "first", work / "second"]
    for folder in traces:
        folder.mkdir()
    with (
        _peer("agency", AGENCY, style, traces[0]) as first,
        _peer("gateway-tls", GATEWAY, style, traces[1]) as second,
    ):
        bench.try_profiles(first, second)
    return bench.failures


def run_with_library(style: str, work: Path) -> list[str]:
    """Run all between a peer of a style and our library, which writes in that style as well.

    Half of the agreements are the library's own, so that each side reads what the other makes.
    """
    bench = Bench(style, work, [], made if style in MADE else written)
    with (
        _peer("agency", AGENCY, style) as first,
        Library(PKI, "gateway-tls", GATEWAY, QUIRKS[style]) as second,
    ):
        bench.try_profiles(first, second)
        # It leaves HTTP to a server of the standard library, which is not what is tried here.
        bench.try_forms(second, http=False)
    return bench.failures


def run_with_gateway(style: str, work: Path) -> list[str]:
    """Run all between a peer of a style and our gateway, which keeps what it says in a store."""
    bench = Bench(f"{style} gw", work, [], made if style in MADE else written)
    with (
        _peer("agency", AGENCY, style) as first,
        Gateway(PKI, "gateway-tls", GATEWAY, work / "gateway", WORDS[style]) as second,
    ):
        bench.try_profiles(first, second)
        bench.try_forms(second, http=True)
    return bench.failures


def freeze(style: str, work: Path) -> None:
    """Keep one message of each kind as a test vector, and the agreements."""
    VECTORS.mkdir(exist_ok=True)
    for profile in PROFILES:
        shutil.copy(work / f"{name_of(profile)}.xml", VECTORS / f"cpa-{name_of(profile)}.xml")
    asked: dict[str, str] = {}
    for trace in sorted((work / "first").glob("*-sent-request")):
        cpa, action, message_id, _ = _named(trace.read_bytes())
        # One of each: signals about nothing do not depend on the profile.
        if action == OUT or (action in ("Ping", "StatusRequest") and cpa == "osb-be"):
            name = f"{style}-{cpa}-{action}.mime"
            if name not in asked.values():
                asked[message_id] = name
                (VECTORS / name).write_bytes(_kept(trace.read_bytes()))
    for trace in sorted((work / "second").glob("*-sent-*")):
        cpa, action, _, about = _named(trace.read_bytes())
        if about in asked or action == "MessageError":
            (VECTORS / f"{style}-{cpa}-{action}.mime").write_bytes(_kept(trace.read_bytes()))


def _named(octets: bytes) -> tuple[str, str, str, str]:
    """Return CPAId, Action, MessageId and RefToMessageId of what passed; empty where it is not."""
    package = BytesParser(policy=HTTP).parsebytes(octets)
    root = next(package.iter_parts()) if package.is_multipart() else package
    text = cast("bytes | None", root.get_payload(decode=True)) or b""
    found = (
        re.search(rb"<eb:" + name + rb">([^<]+)</eb:" + name, text)
        for name in (b"CPAId", b"Action", b"MessageId", b"RefToMessageId")
    )
    cpa, action, message_id, about = ("" if each is None else each[1].decode() for each in found)
    return cpa, action, message_id, about


def _kept(octets: bytes) -> bytes:
    """Return what passed with no other header than its Content-Type."""
    head, _, body = octets.partition(b"\r\n\r\n")
    line = next(h for h in head.split(b"\r\n") if h.lower().startswith(b"content-type:"))
    return line + b"\r\n\r\n" + body


def main() -> int:
    """Run what was asked for; the status is 1 when anything is not as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--style", choices=STYLES, action="append", help="only this; may repeat")
    parser.add_argument(
        "--peers", action="store_true", help="two peers, and nothing of the package"
    )
    parser.add_argument(
        "--side",
        choices=("library", "gateway"),
        action="append",
        help="of ours; may repeat; both when not given",
    )
    parser.add_argument(
        "--freeze", action="store_true", help="of --peers: keeps messages in tests/vectors"
    )
    arguments = parser.parse_args()
    failure = build(Stack("ebms-saaj"))
    if failure:
        print(failure)
        return 1

    def run(style: str, side: str) -> list[str]:
        with TemporaryDirectory() as work:
            if side == "library":
                return run_with_library(style, Path(work))
            if side == "gateway":
                return run_with_gateway(style, Path(work))
            found = run_between_peers(style, Path(work))
            if arguments.freeze:
                freeze(style, Path(work))
            return found

    # They wait for retries most of the time.
    sides = ("peer",) if arguments.peers else arguments.side or ("library", "gateway")
    asked = [(style, side) for side in sides for style in arguments.style or STYLES]
    with ThreadPoolExecutor(len(STYLES)) as pool:
        failures = [each for found in pool.map(run, *zip(*asked, strict=True)) for each in found]
    print(*failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
