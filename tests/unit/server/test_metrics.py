"""What is counted, under labels that nobody can make many of."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from digipoort_wus import checks
from digipoort_wus.pki.distribution import latest_of
from digipoort_wus.pki.profiles import TEST
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.transitions import Event, Step
from digipoort_wus.process.watching import Stepped
from digipoort_wus.server.expiry import name_of
from digipoort_wus.server.gauges import Gauges, InFlight
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.trust import Materials
from digipoort_wus.store.sqlite import SqliteStore, open_sqlite
from tests.messages import NOW
from tests.unit.store.samples import NOW as QUEUED
from tests.unit.store.samples import add_with_job, write

HOUR = timedelta(hours=1)


def values(registry: CollectorRegistry) -> dict[str, float]:
    """Return what was scraped: ``name{label=value,...}`` without the prefix, and its value."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            name = sample.name.removeprefix("digipoort_wus_")
            found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found


def test_requests_are_counted_by_berichtsoort_and_check() -> None:
    metrics = Metrics({"Omzetbelasting": "sandbox"})
    metrics.answered("aanleveren", "Omzetbelasting", 0.02)
    metrics.answered("aanleveren", "Omzetbelasting", 0.3)
    metrics.answered("getStatussenProces", None, 0.01)
    metrics.refused(checks.PARTY_RATE, "aanleveren", "Omzetbelasting")
    metrics.refused(checks.XML_WELL_FORMED)
    metrics.abandoned()
    found = values(metrics.registry)
    assert found["filings_accepted_total{berichtsoort=Omzetbelasting}"] == 2
    assert found["requests_answered_total{operation=aanleveren}"] == 2
    assert found["requests_answered_total{operation=getStatussenProces}"] == 1
    assert found["request_seconds_bucket{le=0.025,operation=aanleveren}"] == 1
    assert found["request_seconds_count{operation=aanleveren}"] == 2
    refused = "requests_refused_total{berichtsoort=%s,check=%s,operation=%s}"
    assert found[refused % ("Omzetbelasting", "PARTY-RATE", "aanleveren")] == 1
    assert found[refused % ("none", "XML-WELL-FORMED", "none")] == 1
    assert found["requests_abandoned_total"] == 1


def test_what_senders_and_strangers_write_makes_no_labels() -> None:
    metrics = Metrics({"Omzetbelasting": "sandbox"})
    for number in range(200):
        metrics.refused(checks.BERICHTSOORT_KNOWN, "aanleveren", f"soort-{number}")
        metrics.answered("aanleveren", f"soort-{number}", 0.1)
        metrics.handshake_failed(f"reason {number}")
    found = values(metrics.registry)
    assert found["filings_accepted_total{berichtsoort=other}"] == 200
    assert not any("soort-" in name for name in found)
    reasons = [name for name in found if name.startswith("handshakes_failed_total")]
    assert len(reasons) == 41
    assert found["handshakes_failed_total{reason=other}"] == 160


def stepped(event: Event, **changes: Any) -> Stepped:
    made = Stepped("k", Step.DELIVER, event, "Omzetbelasting", "1", 0.5, HOUR, again=False)
    return replace(made, **changes)


def test_steps_are_counted_with_retries_and_deliveries() -> None:
    metrics = Metrics({"Omzetbelasting": "Belastingdienst"})
    metrics.stepped(stepped(Event.UNREACHABLE, again=True))
    metrics.stepped(stepped(Event.DELIVERED))
    metrics.stepped(stepped(Event.DELIVERED, berichtsoort="gone from the table"))
    metrics.step_failed("deliver")
    metrics.lease_expired()
    metrics.lease_lost()
    found = values(metrics.registry)
    assert found["steps_total{event=delivered,step=deliver}"] == 2
    assert found["steps_total{event=unreachable,step=deliver}"] == 1
    assert found["retries_total{step=deliver}"] == 1
    assert found["step_errors_total{step=deliver}"] == 1
    assert found["step_seconds_sum{step=deliver}"] == 1.5
    assert found["delivery_seconds_sum{agency=Belastingdienst}"] == 3600
    assert found["delivery_seconds_count{agency=other}"] == 1
    assert (found["leases_expired_total"], found["leases_lost_total"]) == (1, 1)


def test_two_gateways_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.abandoned()
    assert values(one.registry)["requests_abandoned_total"] == 1
    assert values(other.registry)["requests_abandoned_total"] == 0


# --- Gauges -------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with open_sqlite(tmp_path / "data") as opened:
        yield opened


def materials_of(pki: TestPki, *, with_crls: bool = True) -> Materials:
    return Materials(
        pki.identities["gateway-tls"],
        pki.identities["gateway-signing"],
        pki.ca_certificates,
        tuple(pki.crls.values()) if with_crls else (),
        TEST,
    )


def gauges(
    store: SqliteStore, materials: Materials, now: datetime, free: int | None = None
) -> dict[str, float]:
    registry = CollectorRegistry()
    gauge = Gauges(store, lambda: materials, lambda: now, lambda: free, lambda: InFlight(3, 99, 7))
    registry.register(cast(Any, gauge))
    return values(registry)


def test_the_queue_is_counted_when_it_is_asked_for(store: SqliteStore, g1: TestPki) -> None:
    for number in range(3):
        add_with_job(store, number)
    add_with_job(store, 4, at=QUEUED + HOUR)
    (held, bad, *_) = write(store, lambda transaction: transaction.claim(QUEUED, HOUR, 2))
    write(store, lambda transaction: transaction.set_aside(bad, "poison"))
    found = gauges(store, materials_of(g1), QUEUED + timedelta(seconds=5), 1_000)
    jobs = {state: found[f"jobs{{state={state}}}"] for state in ("due", "later", "leased", "aside")}
    assert jobs == {"due": 1, "later": 1, "leased": 1, "aside": 1}
    assert found["oldest_due_seconds"] == 5
    assert found["store_readable"] == 1
    assert found["disk_free_bytes"] == 1_000
    in_flight = [found[name] for name in ("requests_in_flight", "in_flight_bytes", "connections")]
    assert in_flight == [3, 99, 7]
    assert held.kenmerk not in str(found)


def test_a_store_that_cannot_be_read_leaves_the_rest(store: SqliteStore, g1: TestPki) -> None:
    store.close()
    found = gauges(store, materials_of(g1), NOW)
    assert found["store_readable"] == 0
    assert "oldest_due_seconds" not in found
    assert "disk_free_bytes" not in found
    assert found["connections"] == 7


def test_certificates_and_crls_tell_how_long_they_last(store: SqliteStore, g1: TestPki) -> None:
    leaf = g1.identities["gateway-tls"].certificate
    now = leaf.not_valid_after_utc - timedelta(days=3)
    found = gauges(store, materials_of(g1), now)
    assert found["certificate_days_left{use=tls}"] == 3
    assert found["certificate_days_left{use=signing}"] == pytest.approx(3, abs=0.1)
    for authority in g1.ca_certificates:
        crl = latest_of(authority, materials_of(g1).index)
        assert crl is not None
        assert crl.next_update_utc is not None
        label = f"{{ca={name_of(authority)}}}"
        assert found[f"crl_age_seconds{label}"] == (now - crl.last_update_utc).total_seconds()
        assert found[f"crl_seconds_left{label}"] == (crl.next_update_utc - now).total_seconds()
    without = gauges(store, materials_of(g1, with_crls=False), now)
    assert not any(name.startswith("crl_") for name in without)
    assert len([name for name in without if name.startswith("authority_days_left")]) == 3


def test_the_page_for_operators_names_every_metric(store: SqliteStore, g1: TestPki) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "operate.md").read_text("utf-8")
    table = page.partition("| metric | labels | what |")[2].partition("\n\n")[0]
    named = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`([a-z_]+)`", row.split("|")[1] if "|" in row else "")
    }
    metrics = Metrics()
    gauge = Gauges(
        *(store, lambda: materials_of(g1), lambda: NOW, lambda: 1, lambda: InFlight(1, 1, 1)),
        stamps=True,
    )
    metrics.registry.register(cast(Any, gauge))
    exposed = set()
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        if family.name.startswith("digipoort_wus_"):
            suffix = "_total" if family.type == "counter" else ""
            exposed.add(family.name.removeprefix("digipoort_wus_") + suffix)
    # Of a store with objects alone; tests/wire/test_objects.py has one.
    exposed.add("objects_reachable")
    assert {name for name in exposed if not name.endswith("_created")} == named
