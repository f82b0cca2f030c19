"""What is read off a gateway when somebody asks for its metrics: queue, certificates, disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from digipoort_wus.clock import Clock
from digipoort_wus.pki.distribution import latest_of
from digipoort_wus.server.expiry import name_of
from digipoort_wus.server.metrics import PREFIX
from digipoort_wus.server.trust import Materials
from digipoort_wus.store.ports import Reader, Store

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class InFlight:
    """What clients make the gateway hold at this moment."""

    requests: int
    octets: int
    connections: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """A collector of Prometheus; asked in a thread that may wait for the store.

    Args:
        store: its queue is counted each time.
        materials: returns certificates and CRLs in force.
        clock: of all of them.
        free: returns the octets that the file system of the data has left, None when unknown.
        in_flight: returns what clients make the gateway hold.
        stamps: whether batches of evidence are to be stamped.
        figures: returns what the rule engine counts and measures, by its own names.
    """

    store: Store
    materials: Callable[[], Materials]
    clock: Clock
    free: Callable[[], int | None]
    in_flight: Callable[[], InFlight]
    stamps: bool = False
    figures: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterator[Metric]:
        """Yield what can be read; a store that cannot be read leaves its own out."""
        now = self.clock()
        yield from self._queue(now)
        yield from _certificates(self.materials(), now)
        free = self.free()
        if free is not None:
            yield _gauge("disk_free_bytes", "Left for the data.", free)
        failed = self.store.objects_failure
        if failed is not None:
            about = "Whether the object store did what it was last asked."
            yield _gauge("objects_reachable", about, int(not failed))
        held = self.in_flight()
        yield _gauge("requests_in_flight", "Being dealt with.", held.requests)
        yield _gauge(
            "in_flight_bytes", "Held for bodies that come and answers that are read.", held.octets
        )
        yield _gauge("connections", "Open.", held.connections)
        rules = _family("rules", "What the rule engine counts and measures.", "figure")
        try:
            for name, number in self.figures().items():
                rules.add_metric([name], number)
        except Exception:
            # Somebody else's engine: its figures are missing, and the others are there.
            return
        yield rules

    def _queue(self, now: datetime) -> Iterator[Metric]:
        def counted(reader: Reader) -> dict[str, float]:
            counts = reader.counts(now)
            oldest = counts.oldest_due_at
            age = 0.0 if oldest is None else max((now - oldest).total_seconds(), 0)
            return {
                "due": counts.due,
                "later": counts.later,
                "leased": counts.leased,
                "aside": counts.aside,
                "age": age,
                "ebms": _waited(now, reader.next_ebms_task_at(now)),
                "unsealed": _age(now, [row.at for row in reader.unsealed(1)]),
                "unstamped": _age(now, [row.sealed_at for row in reader.unstamped(1)]),
            }

        try:
            read = self.store.read(counted)
        except Exception:
            # Whatever is wrong with the store is for readiness and the log to say.
            yield _gauge("store_readable", "Whether the queue could be counted.", 0)
            return
        yield _gauge("store_readable", "Whether the queue could be counted.", 1)
        yield _gauge("oldest_due_seconds", "How long the oldest due job waits.", read.pop("age"))
        about = "How long what is due over ebMS waits to be sent."
        yield _gauge("ebms_oldest_due_seconds", about, read.pop("ebms"))
        unsealed, unstamped = read.pop("unsealed"), read.pop("unstamped")
        yield _gauge("oldest_unsealed_seconds", "Age of the oldest unsealed entry.", unsealed)
        if self.stamps:
            about = "How long the oldest batch of evidence is without a time stamp."
            yield _gauge("oldest_unstamped_seconds", about, unstamped)
        jobs = _family("jobs", "Jobs of filings; aside: an operator has to look.", "state")
        for state, number in read.items():
            jobs.add_metric([state], number)
        yield jobs


def _waited(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0)


def _age(now: datetime, oldest: Sequence[datetime]) -> float:
    return max((now - oldest[0]).total_seconds(), 0) if oldest else 0.0


def _certificates(materials: Materials, now: datetime) -> Iterator[Metric]:
    days = _family("certificate_days_left", "Until a certificate of the gateway expires.", "use")
    for use, identity in (("tls", materials.tls), ("signing", materials.signing)):
        left = identity.certificate.not_valid_after_utc - now
        days.add_metric([use], left.total_seconds() / _DAY_SECONDS)
    yield days
    authorities = _family("authority_days_left", "Until the certificate of a CA expires.", "ca")
    ages = _family("crl_age_seconds", "Since the CRL of a CA was issued.", "ca")
    ends = _family("crl_seconds_left", "Until the CRL of a CA ends.", "ca")
    # Two certificates of a CA with one name are told as one: the one that ends first.
    seen: set[str] = set()
    for authority in sorted(materials.every_authority, key=lambda ca: ca.not_valid_after_utc):
        name = name_of(authority)
        if name in seen:
            continue
        seen.add(name)
        left = authority.not_valid_after_utc - now
        authorities.add_metric([name], left.total_seconds() / _DAY_SECONDS)
        crl = latest_of(authority, materials.index)
        if crl is not None and crl.next_update_utc is not None:
            ages.add_metric([name], (now - crl.last_update_utc).total_seconds())
            ends.add_metric([name], (crl.next_update_utc - now).total_seconds())
    yield from (authorities, ages, ends)


def _family(name: str, about: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=[label])


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, value=value)
