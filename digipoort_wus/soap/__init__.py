"""SOAP 1.1 envelopes by position, WS-Addressing, faults."""
