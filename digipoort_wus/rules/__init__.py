"""The pluggable rule engine package: knows filings and findings, nothing of SOAP."""
