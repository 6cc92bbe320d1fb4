"""Every SQL statement of rating, by what it is about."""
