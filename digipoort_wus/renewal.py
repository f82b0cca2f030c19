"""Keeps a running gateway's certificates, keys and CRLs those of its configuration."""

from collections.abc import Callable
from concurrent.futures import Future

from twisted.logger import Logger

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.materials import (
    crl_directory,
    crl_files_of,
    crl_sources,
    material_paths,
    reload_materials,
)
from digipoort_wus.pki.revocation import CrlSet
from digipoort_wus.server.crls import CrlRefresh
from digipoort_wus.server.expiry import notices, without_file
from digipoort_wus.server.reload import Watch
from digipoort_wus.server.trust import CurrentTrust, Materials

_log = Logger(namespace="digipoort_wus")

Prepare = Callable[[Materials], Callable[[], object]]
"""Makes ready what hangs on materials, and returns what puts it in its place."""


class Renewal:
    """Reloads when told to or when a file changed, fetches CRLs, and tells what expires.

    Args:
        config: names the files, and from where CRLs are fetched.
        trust: where what was loaded is put in force.
        prepare: called with what was loaded, before any of it is in force; returns what to
            call once it is. When it raises, everything stays as it was.
        clock: of certificates and CRLs.
    """

    def __init__(self, config: Config, trust: CurrentTrust, prepare: Prepare, clock: Clock) -> None:
        self._config = config
        self._trust = trust
        self._prepare = prepare
        self._clock = clock
        self._said: set[tuple[str, ...]] = set()
        self._files = crl_files_of(config)
        self._watch = Watch(self._reload, self._look, material_paths(config), config.reload_seconds)
        self._crls: CrlRefresh | None = None
        if config.fetches_crls:
            self._crls = CrlRefresh(
                crl_sources(config),
                crl_directory(config),
                materials=lambda: trust.materials,
                changed=self._watch.soon,
                clock=clock,
            )

    def start(self) -> None:
        """Start to watch, and to fetch what is to be fetched; once only."""
        self._watch.start()
        if self._crls is not None:
            self._crls.start()

    def soon(self) -> Future[None]:
        """Reload now, then fetch; from any thread. The future is that of the reload."""
        reloaded = self._watch.soon()
        if self._crls is not None:
            self._crls.soon()
        return reloaded

    def stop(self) -> None:
        """End both threads."""
        if self._crls is not None:
            self._crls.stop()
        self._watch.stop()

    def _reload(self) -> None:
        try:
            loaded = reload_materials(self._config, self._clock, self._trust.materials.index)
        except ConfigurationError:
            if not crl_files_of(self._config):
                self._tell_gone(CrlSet())
            raise
        renewed = self._prepare(loaded)
        self._trust.replace(loaded, self._clock())
        renewed()
        self._tell_gone(loaded.index)
        if self._crls is not None:
            self._crls.look_again()
        materials = self._trust.materials
        _log.info(
            "certificates, keys and {crls} CRLs were loaded anew; TLS certificate until {until}",
            crls=len(materials.crls),
            until=f"{materials.tls.certificate.not_valid_after_utc:%Y-%m-%d}",
        )

    def _tell_gone(self, loaded: CrlSet) -> None:
        """Say once of files that were taken away whose CRLs stay in force without them."""
        before, self._files = self._files, crl_files_of(self._config)
        gone = sorted(map(str, before - self._files))
        if not gone:
            return
        for text in without_file(self._trust.materials, loaded):
            _log.warn("{text} Gone: {files}", text=text, files=", ".join(gone))

    def _look(self) -> None:
        """Say once of everything that it needs attention."""
        confirmed = self._crls.confirmed if self._crls is not None else ()
        found = notices(self._trust.materials, self._clock(), confirmed=confirmed)
        for notice in found:
            if notice.key not in self._said:
                _log.warn("{text}", text=notice.text)
        # What no longer holds is forgotten, and said again when it comes back.
        self._said = {notice.key for notice in found}
