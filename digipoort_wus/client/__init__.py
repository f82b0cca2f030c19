"""The client: two zeep plug-ins, a transport, and a class with all twelve operations."""
