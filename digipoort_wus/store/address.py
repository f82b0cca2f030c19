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


def _not_an_address() -> str:
    return "store.url is an address such as postgresql://gateway@db.example.nl/digipoort"
