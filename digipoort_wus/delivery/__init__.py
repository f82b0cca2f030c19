"""Handing a filing to an agency, and an agency's way back; over WUS."""
