"""The files of one identity: a certificate and its key."""

from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.identity import Identity, load_pem, load_pkcs12


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """Where a certificate and its key are: two PEM files, or one PKCS#12 file."""

    certificate: Path | None = None
    key: Path | None = None
    pkcs12: Path | None = None
    password_file: Path | None = None

    def load(self) -> Identity:
        """Return the identity.

        Raises:
            ConfigurationError: the files are missing, or do not belong together.
        """
        if self.pkcs12 is not None:
            password = ""
            if self.password_file is not None:
                try:
                    password = self.password_file.read_text("utf-8").strip("\r\n")
                except OSError as error:
                    raise ConfigurationError(
                        f"The password file {self.password_file} cannot be read: {error.strerror}."
                    ) from error
                except UnicodeDecodeError as error:
                    raise ConfigurationError(
                        f"The password file {self.password_file} holds no text in UTF-8: write "
                        "the password alone into it."
                    ) from error
            return load_pkcs12(self.pkcs12, password)
        if self.certificate is None or self.key is None:
            raise ConfigurationError("Name both `certificate` and `key`, or `pkcs12`.")
        return load_pem(self.certificate, self.key)
