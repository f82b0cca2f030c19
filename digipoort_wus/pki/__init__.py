"""PKIoverheid: OINs, certificate profiles, chains, revocation, and a test hierarchy."""
