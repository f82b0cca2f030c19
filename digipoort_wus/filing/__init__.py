"""The domain: parties, filings, statuses, findings. Frozen values, no I/O."""
