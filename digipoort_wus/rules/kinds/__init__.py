"""The kinds of rules that come with this package."""
