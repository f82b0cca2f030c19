"""Messages of all profiles between two gateways, both ways, with kills and lost answers between."""

import random
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from threading import Lock

import pytest

from chaos.exchange import FINAL, Came, Sent, check_exchange
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.testing.proxy import Alterations, AlteringProxy, Passing
from tests.wire.ebms import AANLEVER, AFLEVER, Side, Two, two_gateways

pytestmark = pytest.mark.thorough
_ROUNDS = 4
_LOST = 0.3


class _Losses:
    """Loses a part of what passes, the second one always; the proxy answers with 502."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._numbers = count(1)
        self._gate = Lock()
        self.lost = 0

    def __call__(self, passing: Passing) -> Passing:
        with self._gate:
            if next(self._numbers) == 2 or self._chance.random() < _LOST:
                self.lost += 1
                raise ValueError("lost")
        return passing


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
def test_once_only_holds_for_every_profile_both_ways(tmp_path: Path, sync: bool) -> None:
    chance = random.Random(sync)
    with (
        two_gateways(tmp_path) as both,
        _proxy(both.agency, "gateway-tls") as to_agency,
        _proxy(both.digipoort, "agency") as to_digipoort,
    ):
        losses = []
        for proxy in (to_agency, to_digipoort):
            requests, answers = _Losses("requests"), _Losses("answers")
            losses += [requests, answers]
            proxy.alterations = Alterations(request=[requests], answer=[answers])
        # A proxy shows the certificate of Digipoort, in the place of the agency's as well.
        quirks = {"peers": oin_of(both.pki.identities["gateway-tls"].certificate)}
        agreements = {
            profile: both.agree(
                profile,
                sync=sync,
                retries=60,
                to_agency=f"{to_agency.url}/ebms",
                to_digipoort=f"{to_digipoort.url}/ebms",
                quirks=quirks,
            )
            for profile in Profile
        }
        ways = {
            "to Digipoort": (both.agency, both.digipoort, AANLEVER),
            "to the agency": (both.digipoort, both.agency, AFLEVER),
        }
        sent: dict[tuple[str, str], tuple[Profile, tuple[bytes, ...]]] = {}
        for number in range(_ROUNDS):
            for profile, cpa_id in agreements.items():
                for way, (sender, _, what) in ways.items():
                    payloads = (f"<bericht>{profile} {number} {way}</bericht>".encode(), b"tweede")
                    sent[way, sender.send(cpa_id, what, payloads)] = (profile, payloads)
                if chance.random() < 0.3:
                    victim = chance.choice((both.agency, both.digipoort))
                    victim.kill()
                    victim.start()
        for proxy in (to_agency, to_digipoort):
            proxy.alterations = Alterations()
        for way, message_id in sent:
            ways[way][0].wait_for(message_id, *FINAL, seconds=90)
        assert all(each.lost for each in losses)
        assert both.agency.killed
        assert both.digipoort.killed
        out = [
            Sent(way, name, payloads, ways[way][0].went(name).state, once=profile.reliable)
            for (way, name), (profile, payloads) in sent.items()
        ]
        came = [one for way, (_, receiver, _) in ways.items() for one in _kept(way, receiver)]
        assert check_exchange(out, came) == ()
        assert any(
            len(sender.attempts(each.message_id)) > 1 for each, sender in _senders(out, both)
        )


def _proxy(side: Side, name: str) -> AlteringProxy:
    return AlteringProxy(side.url.removesuffix("/ebms"), side.config.data_dir, name=name)


def _kept(way: str, receiver: Side) -> Sequence[Came]:
    return [
        Came(way, row.head.key.message_id, tuple(receiver.payloads(row.ebms_id)))
        for row in receiver.came()
        if row.state == "RECEIVED" and row.head.action in (AANLEVER[1], AFLEVER[1])
    ]


def _senders(out: Sequence[Sent], both: Two) -> Sequence[tuple[Sent, Side]]:
    return [
        (each, both.agency if each.way == "to Digipoort" else both.digipoort)
        for each in out
        if each.once
    ]
