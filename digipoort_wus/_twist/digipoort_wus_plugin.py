"""Makes ``twist digipoort-wus`` known; installed as ``twisted/plugins``."""

from twisted.application.service import ServiceMaker

digipoort_wus = ServiceMaker(
    "digipoort-wus",
    "digipoort_wus.cli.twist",
    "A Digipoort-compatible gateway (WUS over mutual TLS).",
    "digipoort-wus",
)
