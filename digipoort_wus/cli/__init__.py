"""The digipoort-wus command."""
