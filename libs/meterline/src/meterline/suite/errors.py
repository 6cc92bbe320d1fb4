"""What can go wrong with the suite on this machine, as one line that says what to do next."""

from __future__ import annotations


class SuiteError(Exception):
    """The suite can't do what was asked; the text is for the person at the terminal."""
