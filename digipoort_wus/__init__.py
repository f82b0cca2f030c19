"""A Digipoort-compatible WUS gateway, client and library."""

__version__ = "0.1.0.dev0"
