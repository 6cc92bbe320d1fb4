"""Every SQL statement of the portal."""
