"""The Digipoort 1.2 services on Spyne: body element in, body element out."""
