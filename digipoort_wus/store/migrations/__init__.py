"""Alembic's scripts: from schema 3 or nothing to schema 4, and from there on to the newest."""
