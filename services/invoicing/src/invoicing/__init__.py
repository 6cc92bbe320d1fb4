"""Turns charges into invoices that never change."""
