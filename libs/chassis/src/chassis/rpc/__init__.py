"""Calls on both sides: the server and its guard, channels to neighbours, pages, and what may be repeated."""
