"""Cases as data, and what runs them against a gateway: ours or anybody's."""
