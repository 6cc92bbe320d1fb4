"""Tokens that are refused before their end: a file with the id (`jti`) of each, one a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from chassis.rereading import read_text
from chassis.startup import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

REVOKED_FILE: Final = "file of revoked tokens"
"""What the file is called where it can't be read."""
TOKEN_ID: Final = re.compile(r"[!-~]{1,128}")
"""An id of a token: printable ASCII without spaces, so that a line of the file holds it as it is."""
_FILE_BYTES_MAX: Final = 16 * 1024 * 1024


def load_revoked(path: Path) -> frozenset[str]:
    """Read the ids; empty lines and those that begin with "# " say nothing. Raises SettingsError for any other line."""
    lines = (line.strip() for line in read_text(path, REVOKED_FILE, _FILE_BYTES_MAX).splitlines())
    ids = frozenset(line for line in lines if line and not line.startswith("# "))
    for token_id in ids:
        if not TOKEN_ID.fullmatch(token_id):
            # To skip it would leave a token valid that somebody wanted to end.
            raise SettingsError(f"the file of revoked tokens {path} holds a line that is no token id; write one a line")
    return ids
