"""What the URL of a gateway looks like; refusals never repeat it, for there may be a password."""

from urllib.parse import urlsplit

from digipoort_wus.errors import ConfigurationError


def require_url(url: str) -> None:
    """Require an https URL with a host, and nothing behind its path.

    Raises:
        ConfigurationError: it is another one, or has a user name in it.
    """
    try:
        parts = urlsplit(url)
        complete = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        complete = False
    if not complete or parts.query or parts.fragment:
        raise ConfigurationError(
            "The gateway's URL must be of the form https://host:port, without a query."
        )
    require_no_user(url)


def require_no_user(url: str) -> None:
    """Refuse a URL with a user name or password, which would be sent as HTTP Basic.

    Raises:
        ConfigurationError: it has one.
    """
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(
            "The gateway's URL has a user name or password in it: leave that out. The gateway "
            "knows its clients by their certificates."
        )
