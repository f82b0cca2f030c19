"""Clients: a zeep plug-in and a Digipoort client."""
