"""The address of a database as an operator gives it: never with a password in it."""

from urllib.parse import parse_qs, urlsplit

from digipoort_wus.errors import ConfigurationError

_SCHEMES = ("postgresql", "postgres")
_SECRETS = frozenset(("password", "sslpassword"))


def require_address(url: str) -> None:
    """Require libpq's address of a PostgreSQL database, without a password.

    Args:
        url: such as ``postgresql://gateway@db.example.nl/digipoort?sslmode=verify-full``.

    Raises:
        ConfigurationError: it is none, or has a password in it; the sentence does not repeat it.
    """
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None
        names = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise ConfigurationError(_not_an_address()) from None
    if has_password or _SECRETS & names.keys():
        raise ConfigurationError(
            "store.url has a password in it, and addresses are shown and logged: leave it out, and "
            "name store.password_file, or set PGPASSFILE"
        )
    if parts.scheme not in _SCHEMES or not url.startswith(f"{parts.scheme}://"):
        raise ConfigurationError(_not_an_address())


def require_private(url: str, reason: str) -> None:
    """Require that nobody on the way to a database can read or change what passes.

    Args:
        url: as :func:`require_address` takes it. Only what stands in it counts: neither the
            environment nor a service file is looked at.
        reason: why it need not be so; empty when it must.

    Raises:
        ConfigurationError: it names neither a Unix socket nor TLS to the server of that name.
    """
    if not (reason or _is_private(url)):
        raise ConfigurationError(
            "store.url would let others on the way read and change what is stored: add "
            "?sslmode=verify-full, or name a socket as in ?host=/run/postgresql; or give the "
            "reason in store.unsafe_url."
        )


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    asked = parse_qs(parts.query, keep_blank_values=True)
    hosts = [host for value in asked.get("host", ()) for host in value.split(",")]
    by_socket = bool(hosts) and all(host.startswith("/") for host in hosts)
    if by_socket and not parts.netloc.rpartition("@")[2] and "hostaddr" not in asked:
        return True
    # Of a setting that is given twice libpq takes the last.
    return asked.get("sslmode", [""])[-1] == "verify-full"


def _not_an_address() -> str:
    return "store.url is an address such as postgresql://gateway@db.example.nl/digipoort"
