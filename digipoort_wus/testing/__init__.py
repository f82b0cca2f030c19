"""A gateway inside a test (public API)."""
