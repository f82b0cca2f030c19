"""Everything about filings as statements that SQLite and PostgreSQL both run."""
