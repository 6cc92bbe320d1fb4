"""The Meterline SDK and command line."""
