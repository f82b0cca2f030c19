"""``python -m digipoort_wus``: the same as the ``digipoort-wus`` command."""

from digipoort_wus.cli.main import main

main()
