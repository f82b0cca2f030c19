"""Evidence of what happened to filings: chains of entries, sealed in signed batches."""
