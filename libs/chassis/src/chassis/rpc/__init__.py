"""Both sides of a call: the server and its guard, channels to neighbours, paging, and what may be repeated."""
