"""Where payloads are as objects, and how their store is reached: ``[store.objects]``."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Store

NEEDS_EXTRA = "store.objects needs the extra s3: install digipoort-wus[s3]."
_KEY = "store.objects"
_SECRET_MAX = 4_096
_CONNECT = timedelta(seconds=3)
_WHOLE = timedelta(seconds=30)
# A sender waits for it.
_PATIENT: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
_QUICK: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
_QUICKLY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Where the objects are.

    Args:
        bucket: must exist.
        prefix: the beginning of all names; empty for none.
        endpoint: address of the service, None for the one that the SDKs take.
        region: as well.
        ca_file: PEM of who signed the certificate of the service, besides the usual ones.
        access_key_id: with ``secret_key_file``; without, the credentials come from where the
            SDKs of such stores find them (``AWS_ACCESS_KEY_ID`` and the like).
        secret_key_file: holds the secret key alone.
        unsafe_http: the reason why the endpoint may be reached without TLS.

    Raises:
        ConfigurationError: they do not fit.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    ca_file: Path | None = None
    access_key_id: str = ""
    secret_key_file: Path | None = None
    unsafe_http: str = ""

    def __post_init__(self) -> None:
        # White space is no reason.
        object.__setattr__(self, "unsafe_http", self.unsafe_http.strip())
        if not self.bucket or "/" in self.bucket:
            raise ConfigurationError(f"{_KEY}.bucket is the name of a bucket that exists.")
        if self.endpoint is not None:
            _require_endpoint(self.endpoint, self.unsafe_http)
        if bool(self.access_key_id) != (self.secret_key_file is not None):
            raise ConfigurationError(
                f"{_KEY}: access_key_id and secret_key_file go together; leave both out to take "
                "the credentials from the environment."
            )


def make_clients(place: ObjectPlace) -> "tuple[S3Store, S3Store]":
    """Return a client that tries again, and one that gives up within seconds.

    Nothing is asked of the service yet.

    Raises:
        ConfigurationError: the extra is not installed, a file cannot be read, or the settings
            do not fit.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError:
        raise ConfigurationError(NEEDS_EXTRA) from None
    # The store compares what arrives with its hash.
    config: S3Config = {"checksum_algorithm": "SHA256"}
    if place.endpoint is not None:
        config["endpoint"] = place.endpoint
    if place.region is not None:
        config["region"] = place.region
    if place.secret_key_file is not None:
        config["access_key_id"] = place.access_key_id
        config["secret_access_key"] = _text_of(place.secret_key_file, "secret_key_file")

    def made(retry: "RetryConfig", whole: timedelta) -> S3Store:
        client: ClientConfig = {
            # Whatever the environment says.
            "allow_http": bool(place.unsafe_http),
            "connect_timeout": min(_CONNECT, whole),
            "timeout": whole,
        }
        if place.ca_file is not None:
            client["root_certificate"] = _text_of(place.ca_file, "ca")
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            config=config,
            client_options=client,
            retry_config=retry,
        )

    try:
        return made(_PATIENT, _WHOLE), made(_QUICK, _QUICKLY)
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"{_KEY}: the object store cannot be used: {reason}.") from None


def _require_endpoint(url: str, unsafe_http: str) -> None:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        # Not repeated: there may be a password in it.
        raise ConfigurationError(f"{_KEY}.endpoint has a user name in it: leave that out.")
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query:
        raise ConfigurationError(f"{_KEY}.endpoint is a URL such as https://s3.example.nl.")
    if parts.scheme == "http" and not unsafe_http:
        raise ConfigurationError(
            f"{_KEY}.endpoint is plain http, over which anybody can change what is asked and "
            f"answered: take https, or give the reason in {_KEY}.unsafe_http."
        )


def _text_of(path: Path, key: str) -> str:
    try:
        octets = path.read_bytes()
        text = octets[:_SECRET_MAX] if key == "secret_key_file" else octets
        return text.decode().strip()
    except OSError as error:
        raise ConfigurationError(
            f"{_KEY}.{key}: {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{_KEY}.{key}: {path} holds no text in UTF-8.") from None
