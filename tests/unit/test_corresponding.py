"""How ebMS is put together in one gateway: what its desks take is offered to no application."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.testing import MemoryReactorClock

from digipoort_wus.config import Config
from digipoort_wus.corresponding import Corresponding
from digipoort_wus.delivery.agencies import AgencyRow, EbmsWay
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.ebms.digipoort import AANLEVER, AANLEVEREN, AFLEVEREN, BEVESTIG_AFLEVER
from digipoort_wus.ebms.reliability import Impossible
from digipoort_wus.materials import load_materials
from digipoort_wus.pki.testpki import TestPki, write_pki
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.trust import CurrentTrust
from digipoort_wus.store.ports import Store
from tests.messages import NOW
from tests.unit.server.backend_desk import SETTINGS
from tests.unit.store.conftest import sqlite_house
from tests.unit.store.ebms_samples import incoming, receive

AGENCY = AgencyRow("there", "00000099000000004000", ebms=EbmsWay("cpa"))


@contextmanager
def corresponding(pki: TestPki, directory: Path, store: Store, **more: Any) -> Iterator[Any]:
    write_pki(pki, directory / "pki")
    config = Config(data_dir=directory, pki_dir=directory / "pki", **more)
    trust = CurrentTrust(load_materials(config, lambda: NOW))
    made = Corresponding(config, store, trust, lambda: NOW, Metrics())
    try:
        yield made
    finally:
        made.stop()


def came(store: Store, message_id: str, cpa: str, service: str, action: str) -> None:
    given = incoming(message_id)
    head = replace(given.message.head, service=service, action=action)
    head = replace(head, key=replace(head.key, cpa_id=cpa))
    receive(store, replace(given, message=replace(given.message, head=head)))


@pytest.mark.parametrize(
    ("filings", "agencies", "offered"),
    [
        (False, (), ["filing", "other", "confirmation", "elsewhere"]),
        (True, (), ["other", "confirmation", "elsewhere"]),
        (False, (AGENCY,), ["filing", "other", "elsewhere"]),
        (True, (AGENCY,), ["other", "elsewhere"]),
    ],
)
def test_an_application_gets_what_no_desk_takes(
    g1: TestPki,
    tmp_path: Path,
    filings: bool,
    agencies: tuple[AgencyRow, ...],
    offered: list[str],
) -> None:
    ebms = EbmsSettings(filings=filings, backend=SETTINGS)
    with (
        sqlite_house(tmp_path).open() as store,
        corresponding(g1, tmp_path, store, ebms=ebms, agencies=agencies) as made,
    ):
        came(store, "filing", "cpa", AANLEVEREN.value, AANLEVER)
        came(store, "other", "cpa", "another", AANLEVER)
        came(store, "confirmation", "cpa", AFLEVEREN.value, BEVESTIG_AFLEVER)
        came(store, "elsewhere", "another", AFLEVEREN.value, BEVESTIG_AFLEVER)
        port = made.applications(cast(Any, MemoryReactorClock()), cast(Any, None), lambda: None)
        assert port is not None
        backend = made.backend
        assert [row.head.key.message_id for row in backend.unprocessed()] == offered
        assert len(backend.events()) == len(offered)
        assert port.resource._door.desk._backend is backend
        if len(offered) < 4:
            every = [event.event_id for event in store.read(lambda r: r.ebms_events(None, 10))]
            with pytest.raises(Impossible):
                backend.mark_events(every)
        assert backend.mark_events(e.event_id for e in backend.events()) == len(offered)
