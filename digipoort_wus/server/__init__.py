"""The Twisted shell: TLS, HTTP limits, the gate, hosting Spyne."""
