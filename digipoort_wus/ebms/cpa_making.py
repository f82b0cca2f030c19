"""Agreements for the profiles of Digikoppeling ebMS2, made for two parties.

The same plan gives the same octets. What comes out is read again and judged before it is
returned.
"""

from datetime import datetime

from digipoort_wus.ebms.cpa_finding import Finding, Weight
from digipoort_wus.ebms.cpa_findings import findings
from digipoort_wus.ebms.cpa_plan import Plan, cpa_id_of, persist_of, require_whole
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.cpa_writing import write_agreement
from digipoort_wus.errors import ConfigurationError


def make_agreement(plan: Plan, *, at: datetime) -> tuple[bytes, tuple[Finding, ...]]:
    """Return the CPA of a plan as XML in UTF-8, and what is to be said of it: warnings.

    Args:
        plan: what to agree on.
        at: the moment, for judging dates.

    Raises:
        ConfigurationError: the plan lacks something, or what came of it cannot be used.
    """
    require_whole(plan)
    persist = plan.persist or persist_of(plan.retries, plan.interval)
    try:
        octets = write_agreement(plan, cpa_id_of(plan), persist)
    except ValueError as error:
        raise ConfigurationError(
            "A name, URL or service of the plan holds control characters: leave them out."
        ) from error
    found = findings(read_agreement(octets), at=at)
    wrong = [each for each in found if each.kind.weight is Weight.ERROR]
    if wrong:
        raise ConfigurationError(f"This would be no CPA to use: {wrong[0]}")
    return octets, found
