"""Both sides of a call: the server and its guard, channels to neighbors, paging, and what may be repeated."""
