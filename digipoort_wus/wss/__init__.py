"""WS-Security: one verification path, named policies, signing."""
