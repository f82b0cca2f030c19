"""All groups of statements together: what :mod:`digipoort_wus.store.ports` asks for."""

from digipoort_wus.store.sql.ebms import EbmsReads, EbmsWrites
from digipoort_wus.store.sql.ebms_cpas import EbmsCpaReads, EbmsCpaWrites
from digipoort_wus.store.sql.evidence import EvidenceReads, EvidenceWrites
from digipoort_wus.store.sql.jobs import JobReads, JobWrites
from digipoort_wus.store.sql.marks import MarkReads, MarkWrites
from digipoort_wus.store.sql.messages import MessageReads, MessageWrites
from digipoort_wus.store.sql.operator import OperatorReads, OperatorWrites
from digipoort_wus.store.sql.statuses import StatusReads, StatusWrites
from digipoort_wus.store.sql.validations import ValidationReads, ValidationWrites


class SqlReader(
    MessageReads,
    StatusReads,
    ValidationReads,
    JobReads,
    MarkReads,
    EvidenceReads,
    OperatorReads,
    EbmsReads,
    EbmsCpaReads,
):
    """Implements :class:`~digipoort_wus.store.ports.Reader` over one connection."""


class SqlTransaction(
    MessageWrites,
    StatusWrites,
    ValidationWrites,
    JobWrites,
    MarkWrites,
    EvidenceWrites,
    OperatorWrites,
    EbmsWrites,
    EbmsCpaWrites,
):
    """Implements :class:`~digipoort_wus.store.ports.Transaction` over one connection."""
