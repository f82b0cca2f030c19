"""From accepted filing to final status, and the questions about it."""
