"""What one gateway counts and measures, for Prometheus.

Each gateway has a registry of its own: a process may run several. Labels have few values:
a berichtsoort is one of the table of routes or ``other``, an agency has a name that the
operator gave, and nobody's OIN or kenmerk is ever among them.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from digipoort_wus.errors import Check
from digipoort_wus.process.transitions import Event
from digipoort_wus.process.watching import Stepped

PREFIX = "digipoort_wus"
OTHER = "other"
"""Stands for every berichtsoort that is not in the table of routes."""
NONE = "none"
"""Where a request was refused before it could be told."""
_REASONS_MAX = 40
"""Of failed handshakes; what comes beyond is ``other``."""
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 120)
_DELIVERY_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 259_200)
_GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts and measures; any thread may tell it something.

    Args:
        agencies: the name of the agency that gets a berichtsoort, for each that there is.

    Attributes:
        registry: everything, to be written out.
    """

    def __init__(self, agencies: Mapping[str, str] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._agencies = agencies or {}
        self._reasons: set[str] = set()
        ProcessCollector(registry=self.registry)
        self._accepted = self._counter(
            "filings_accepted", "Filings that were answered with a kenmerk.", "berichtsoort"
        )
        self._answered = self._counter(
            "requests_answered", "Requests that were answered without a fault.", "operation"
        )
        self._refused = self._counter(
            "requests_refused",
            "Requests that were refused, and by which check.",
            *("operation", "berichtsoort", "check"),
        )
        self._abandoned = self._counter(
            "requests_abandoned", "Requests whose client left before they were dealt with."
        )
        self._request_seconds = self._histogram(
            "request_seconds",
            "From the end of a request to its signed answer.",
            _REQUEST_BUCKETS,
            "operation",
        )
        self._connections_refused = self._counter(
            "connections_refused", "Connections for which there was no room.", "limit", "answer"
        )
        self._handshakes_failed = self._counter(
            "handshakes_failed", "TLS handshakes that failed.", "reason"
        )
        self._steps = self._counter("steps", "Steps of filings, recorded.", "step", "event")
        self._step_seconds = self._histogram(
            "step_seconds", "A step of a filing, without its commit.", _STEP_BUCKETS, "step"
        )
        self._retries = self._counter("retries", "Steps that are to be tried once more.", "step")
        self._step_errors = self._counter("step_errors", "Steps that raised.", "step")
        self._set_aside = self._counter(
            "jobs_set_aside", "Jobs whose step crashed too often, and that wait.", "step"
        )
        self._leases_expired = self._counter(
            "leases_expired", "Jobs that were claimed after their lease had ended by itself."
        )
        self._leases_lost = self._counter(
            "leases_lost", "Steps that were done after somebody else had claimed the job."
        )
        self._delivery_seconds = self._histogram(
            "delivery_seconds",
            "From the receipt of a filing until its agency had it.",
            _DELIVERY_BUCKETS,
            "agency",
        )
        self._purged = self._counter("filings_purged", "Filings that were purged.", "rule")
        self._commit_seconds = self._histogram(
            "commit_seconds", "A commit of the store, its works included.", _COMMIT_BUCKETS
        )
        self._commit_works = self._histogram(
            "commit_works", "Works that were committed together.", _GROUP_BUCKETS
        )

        self._batches_sealed = self._counter("batches_sealed", "Batches of evidence.")
        self._entries_sealed = self._counter("entries_sealed", "Entries of evidence, in batches.")
        self._stamps = self._counter(
            "stamps", "Questions to the time stamping authority, by what came of them.", "outcome"
        )

        self._ebms_answered = self._counter(
            "ebms_answered", "Messages and signals of ebMS that came, by HTTP status.", "status"
        )
        self._ebms_seconds = self._histogram(
            "ebms_answer_seconds",
            "From the end of an ebMS request to its answer, its commit included.",
            _REQUEST_BUCKETS,
        )
        self._ebms_posted = self._counter(
            "ebms_posted", "Messages and signals of ebMS that were posted, by outcome.", "outcome"
        )
        self._ebms_post_seconds = self._histogram(
            "ebms_post_seconds", "One post over ebMS, its answer included.", _REQUEST_BUCKETS
        )
        self._ebms_forgotten = self._counter(
            "ebms_forgotten", "Messages of ebMS that were purged, with all that was in them."
        )

        self._backend_answered = self._counter(
            "backend_answered",
            "Requests of applications behind ebMS, by operation and HTTP status.",
            *("operation", "status"),
        )
        self._backend_seconds = self._histogram(
            "backend_answer_seconds",
            "From the end of a request of an application to its answer.",
            _REQUEST_BUCKETS,
            "operation",
        )

    def rename(self, agencies: Mapping[str, str]) -> None:
        """Take other names of agencies, by berichtsoort, for what is counted from now on."""
        self._agencies = agencies

    # --- Requests -------------------------------------------------------------------

    def answered(self, operation: str, berichtsoort: str | None, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            operation: its name.
            berichtsoort: of a filing that was accepted, None for a question.
            seconds: from the end of the request to its signed answer.
        """
        self._answered.labels(operation).inc()
        self._request_seconds.labels(operation).observe(seconds)
        if berichtsoort is not None:
            self._accepted.labels(self._known(berichtsoort)).inc()

    def refused(
        self, check: Check, operation: str | None = None, berichtsoort: str | None = None
    ) -> None:
        """Count a request that was refused.

        Args:
            check: by which.
            operation: its name, None when it could not be told.
            berichtsoort: likewise.
        """
        known = NONE if berichtsoort is None else self._known(berichtsoort)
        self._refused.labels(operation or NONE, known, check.id).inc()

    def abandoned(self) -> None:
        """Count a request whose client left."""
        self._abandoned.inc()

    # --- Connections ------------------------------------------------------------------

    def connection_refused(self, limit: str, answer: str) -> None:
        """Count a connection for which there was no room.

        Args:
            limit: which one was met.
            answer: what became of the connection.
        """
        self._connections_refused.labels(limit, answer).inc()

    def handshake_failed(self, reason: str) -> None:
        """Count a TLS handshake that failed, for a reason of a few words."""
        if reason not in self._reasons:
            if len(self._reasons) >= _REASONS_MAX:
                reason = OTHER
            self._reasons.add(reason)
        self._handshakes_failed.labels(reason).inc()

    # --- Filings: process.watching.Watcher ----------------------------------------------

    def lease_expired(self) -> None:
        """Count a job that was claimed after its lease had ended by itself."""
        self._leases_expired.inc()

    def lease_lost(self) -> None:
        """Count a step that was done after somebody else had claimed the job."""
        self._leases_lost.inc()

    def stepped(self, stepped: Stepped) -> None:
        """Count a step that was recorded."""
        step = stepped.step.value
        self._steps.labels(step, stepped.event.value).inc()
        self._step_seconds.labels(step).observe(stepped.seconds)
        if stepped.again:
            self._retries.labels(step).inc()
        if stepped.event is Event.DELIVERED:
            agency = self._agencies.get(stepped.berichtsoort, OTHER)
            self._delivery_seconds.labels(agency).observe(stepped.after.total_seconds())

    def set_aside(self, step: str) -> None:
        """Count a job that waits for an operator."""
        self._set_aside.labels(step).inc()

    def step_failed(self, step: str) -> None:
        """Count a step that raised."""
        self._step_errors.labels(step).inc()

    # --- Evidence ---------------------------------------------------------------------

    def sealed(self, entries: int) -> None:
        """Count a batch over so many entries."""
        self._batches_sealed.inc()
        self._entries_sealed.inc(entries)

    def stamp_kept(self) -> None:
        """Count a time stamp that was verified and kept."""
        self._stamps.labels("kept").inc()

    def stamp_failed(self) -> None:
        """Count a question to the authority without an answer that could be kept."""
        self._stamps.labels("failed").inc()

    def purged(self, rule: str, number: int) -> None:
        """Count filings that were purged by a rule."""
        self._purged.labels(rule).inc(number)

    # --- ebMS -------------------------------------------------------------------------

    def ebms_answered(self, status: int, seconds: float) -> None:
        """Count an ebMS message, or signal, that was answered with a status of HTTP."""
        self._ebms_answered.labels(str(status)).inc()
        self._ebms_seconds.observe(seconds)

    def ebms_posted(self, outcome: str, seconds: float) -> None:
        """Count something that was posted over ebMS, by the class of its status, or ``none``."""
        self._ebms_posted.labels(outcome).inc()
        self._ebms_post_seconds.observe(seconds)

    def ebms_forgotten(self, number: int) -> None:
        """Count messages of ebMS that were purged."""
        self._ebms_forgotten.inc(number)

    def backend_answered(self, operation: str, status: int, seconds: float) -> None:
        """Count a request of an application; an operation that there is not is ``none``."""
        self._backend_answered.labels(operation, str(status)).inc()
        self._backend_seconds.labels(operation).observe(seconds)

    # --- Store ------------------------------------------------------------------------

    def committed(self, works: int, seconds: float) -> None:
        """Count a commit of so many works."""
        self._commit_works.observe(works)
        self._commit_seconds.observe(seconds)

    def _known(self, berichtsoort: str) -> str:
        return berichtsoort if berichtsoort in self._agencies else OTHER

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", about, labels, registry=self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", about, labels, registry=self.registry, buckets=buckets)
