"""The gate of each service, as the configuration wants it."""

from dataclasses import replace
from uuid import uuid4

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.names import ENDPOINTS, SERVICES, Service
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.server.gate import Gate
from digipoort_wus.server.trust import CurrentTrust
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import DIGIPOORT_1_2, POLICIES, SecurityPolicy, with_pss, without_sha1


def new_id() -> str:
    """Return a fresh lower-case UUID."""
    return str(uuid4())


def policy_of(config: Config, service: Service) -> SecurityPolicy:
    """Return the security policy of a service, with what the operator may change of it.

    Digipoort: SHA-1 in a sandbox, or where the operator gave a reason, and another HTTP
    status of faults. Digikoppeling: RSASSA-PSS where the operator accepts it.
    """
    policy = POLICIES[service.policy]
    if policy is not DIGIPOORT_1_2:
        return with_pss(policy) if config.accept_pss else policy
    if config.mode != "sandbox" and not config.unsafe_accept_sha1:
        policy = without_sha1(policy)
    return replace(policy, fault_status=config.fault_status)


def gates_of(
    config: Config, trust: CurrentTrust, clock: Clock, signing: Identity | None = None
) -> dict[str, Gate]:
    """Return the gate of each service, by its name.

    Args:
        config: what the operator set.
        trust: judges the certificates of others, by what is in force then.
        clock: of receipt and of signing.
        signing: signs answers; the identity in force when None.
    """
    identity = signing or trust.materials.signing
    return {
        name: Gate(
            policy=policy_of(config, service),
            trust=trust.signer,
            peer_trust=trust.peer,
            identity=identity,
            clock=clock,
            new_message_id=lambda: f"urn:uuid:{new_id()}",
            explain_faults=config.explains,
            origins=config.origins,
            mandates=config.mandates,
            engine=ENGINES[config.signature_engine],
            echo_message_id=config.echo_message_id and service.name in SERVICES,
            oins=config.oins or frozenset({oin_of(identity.certificate)}),
        )
        for name, service in ENDPOINTS.items()
    }
