"""What the portal shows, and the rules behind it; pure."""
