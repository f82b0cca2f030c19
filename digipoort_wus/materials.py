"""Loads what a configuration names: certificates, keys, trust anchors and CRLs."""

from datetime import datetime
from pathlib import Path

from digipoort_wus import checks
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config, IdentityFiles
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, accepted_oin, verify_certificate
from digipoort_wus.pki.identity import Identity, crl_files, load_certificates, load_crls
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.revocation import CrlSet
from digipoort_wus.pki.testpki import make_pki, write_pki
from digipoort_wus.server.crls import CrlSources
from digipoort_wus.server.trust import Materials
from digipoort_wus.store.looking import DATABASE


def load_materials(config: Config, clock: Clock = system_clock) -> Materials:
    """Load certificates, keys and CRLs; in a sandbox without any, make a test PKI first.

    Raises:
        ConfigurationError: something is missing or unusable, or a certificate of the
            gateway itself is not good for what it is used for.
    """
    if config.mode == "sandbox" and config.ca_file is None and not ca_file(config).exists():
        require_no_store(config)
        write_pki(make_pki("g1", now=clock()), config.pki)
    return reload_materials(config, clock)


def reload_materials(config: Config, clock: Clock, known: CrlSet | None = None) -> Materials:
    """Load certificates, keys and CRLs; what is missing is not made.

    Args:
        config: names the files.
        clock: of certificates and CRLs.
        known: indexed CRLs; those that are loaded again are not indexed again.

    Raises:
        ConfigurationError: as of :func:`load_materials`.
    """
    tls, signing = identity_files(config)
    crls = crl_directory(config)
    materials = Materials(
        tls=tls.load(),
        signing=signing.load(),
        authorities=load_certificates(ca_file(config)),
        # Where lists are fetched, the first ones may still have to come.
        crls=() if config.fetches_crls and _is_bare(crls) else load_crls(crls),
        acceptance=profiles.TEST if config.mode == "sandbox" else profiles.PRODUCTION,
        anchor_rules=config.anchor_rules,
        of_agencies={
            row.name: load_certificates(row.ca_file) for row in config.agencies if row.ca_file
        },
        index=known or CrlSet(),
    )
    _require_good(materials, clock)
    return materials


def complete(config: Config, materials: Materials) -> Materials:
    """Return materials that hold the authorities of each agency that has its own.

    Raises:
        ConfigurationError: they do not; such an agency would be believed as clients are.
    """
    for row in config.agencies:
        if row.ca_file is not None and row.name not in materials.of_agencies:
            raise ConfigurationError(
                f"The given materials hold no authorities of agency {row.name}: add them."
            )
    return materials


def material_paths(config: Config) -> tuple[Path, ...]:
    """Return the files and directories that :func:`load_materials` reads."""
    named = [
        path
        for files in (*identity_files(config), *(config.ebms.identities if config.ebms else ()))
        for path in (files.certificate, files.key, files.pkcs12, files.password_file)
        if path is not None
    ]
    of_agencies = (row.ca_file for row in config.agencies if row.ca_file is not None)
    return (*named, ca_file(config), crl_directory(config), *of_agencies)


def crl_directory(config: Config) -> Path:
    """Return where CRLs are read, and where fetched ones are kept."""
    return config.crl_dir or config.pki / "crl"


def crl_files_of(config: Config) -> frozenset[Path]:
    """Return the files with CRLs that are there."""
    try:
        return frozenset(path for path in crl_files(crl_directory(config)) if path.is_file())
    except OSError:
        return frozenset()


def crl_sources(config: Config) -> CrlSources:
    """Return where CRLs may be fetched; nowhere unless the configuration says so."""
    return CrlSources(config.crl_hosts, config.crl_urls, config.crl_proxy)


def ca_file(config: Config) -> Path:
    """Return the file of roots and intermediates."""
    return config.ca_file or config.pki / "ca.pem"


def identity_files(config: Config) -> tuple[IdentityFiles, IdentityFiles]:
    """Return where the identity for TLS and the one for signing are."""
    return (
        config.tls or _of_pki(config, "gateway-tls"),
        config.signing or _of_pki(config, "gateway-signing"),
    )


def _of_pki(config: Config, name: str) -> IdentityFiles:
    return IdentityFiles(config.pki / f"{name}.pem", config.pki / f"{name}.key")


def require_no_store(config: Config) -> None:
    """Refuse to make certificates where a store was restored: those that it had are needed.

    Raises:
        ConfigurationError: there is a store and no certificates.
    """
    if (config.pki / DATABASE).exists():
        raise ConfigurationError(
            f"{config.pki} holds a store and no test certificates: put back those that were beside "
            "it, for no backup of the store has them. If they are lost, make others with "
            "`digipoort-wus pki init` in another directory, and name that with --pki-dir; what "
            "the lost one signed is then judged with --signer alone."
        )


def _is_bare(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.glob("[!.]*")))


def _require_good(materials: Materials, clock: Clock) -> None:
    """Refuse certificates of the gateway that every client would refuse."""
    store = materials.store()
    for name, identity, role in (
        ("TLS", materials.tls, Role.TLS_SERVER),
        ("signing", materials.signing, Role.SIGNER),
    ):
        try:
            _require_usable(store, identity, role, clock())
        except Refusal as refusal:
            raise ConfigurationError(
                f"The {name} certificate of the gateway cannot be used: {refusal}."
            ) from refusal


def _require_usable(store: TrustStore, identity: Identity, role: Role, at: datetime) -> None:
    try:
        verify_certificate(store, identity.certificate, identity.chain, role, at)
    except Refusal as refusal:
        if refusal.check is not checks.PKI_CRL:
            raise
        # A stale CRL is no fault of the certificate, and may be renewed while we run. Only
        # what is judged behind it is still to be judged.
        accepted_oin(identity.certificate, store.acceptance)
