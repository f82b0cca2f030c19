"""Where filings, statuses, jobs and messages are kept."""
