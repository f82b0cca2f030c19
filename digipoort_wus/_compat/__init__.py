"""What keeps Spyne importable on today's Pythons."""
