"""Prices usage: catalog, contracts, charges with their derivation."""
