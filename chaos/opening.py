"""Opens what a run is about as the gateway itself does, its key ring included."""

from psycopg.conninfo import conninfo_to_dict

from chaos.settings import AGENCY, BERICHTSOORT, Run
from digipoort_wus import stores
from digipoort_wus.config import Config
from digipoort_wus.delivery.agencies import AgencyRow, EbmsWay
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.names import AFLEVER
from digipoort_wus.pki.testplan import AGENCY_OIN
from digipoort_wus.stores import Storage

ANSWERS_WITHIN = 6.0
"""Seconds that a delivery over WUS takes at most, once connected."""
_SHORTEST_LEASE = 2


def config_of(run: Run, node: str = "") -> Config:
    """Return the configuration of a node.

    Args:
        run: what is asked.
        node: which; empty for who only looks.
    """
    rows: tuple[AgencyRow, ...] = ()
    port = run.port(node) if node and run.front != "lines" else 0
    if run.front == "wus":
        waits = Timeouts(connect=3, silence=ANSWERS_WITHIN, total=ANSWERS_WITHIN)
        url = f"https://localhost:{run.port(AGENCY)}{AFLEVER.paths[0]}"
        rows = (AgencyRow(AGENCY, AGENCY_OIN, url, None, "", (BERICHTSOORT,), waits),)
    ebms: EbmsSettings | None = None
    if run.front == "ebms":
        ebms = EbmsSettings(timeouts=Timeouts(connect=3, silence=3, total=ANSWERS_WITHIN))
        way = EbmsWay(read_agreement(run.cpa_file.read_bytes()).cpa_id)
        rows = (AgencyRow(AGENCY, AGENCY_OIN, berichtsoorten=(BERICHTSOORT,), ebms=way),)
    lease = max(_SHORTEST_LEASE, round(run.lease))
    if run.store == "sqlite":
        return Config(
            data_dir=run.data,
            pki_dir=run.pki,
            port=port,
            agencies=rows,
            ebms=ebms,
            lease_seconds=lease,
        )
    return Config(
        data_dir=run.directory / (node or "looking"),
        pki_dir=run.pki,
        port=port,
        agencies=rows,
        ebms=ebms,
        lease_seconds=lease,
        store_url=_url(run.conninfo_file.read_text()),
        store_payloads=run.payloads,
        store_key_ring=run.ring_file,
    )


def open_storage(run: Run) -> Storage:
    """Open the store that a run is about, and the queue of a cluster.

    Raises:
        ConfigurationError: it cannot be opened.
    """
    return stores.open_store(config_of(run))


def _url(conninfo: str) -> str:
    """Return the address of a server on a Unix socket as an operator gives it."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
