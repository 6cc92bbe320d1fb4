"""TLS between machines: certificates in mounted files, taken over while the process runs, and no plain text unasked."""
