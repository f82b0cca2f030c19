"""Ends gateways at the worst moments, and checks that nothing acknowledged was lost."""
