"""What tests of the portal need: its neighbors."""
