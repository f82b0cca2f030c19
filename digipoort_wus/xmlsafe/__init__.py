"""The only place where bytes from outside become a tree."""
