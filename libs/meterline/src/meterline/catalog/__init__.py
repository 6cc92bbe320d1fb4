"""Catalog files: the contract's own JSON as YAML, with a few short forms for people."""
