"""Likely causes of a refused signature, tried out: for explanations, never for a verdict."""
