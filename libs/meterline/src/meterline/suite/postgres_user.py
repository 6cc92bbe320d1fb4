"""The user Postgres runs as. It refuses to run as root; so root lends it an unprivileged account.

That account may be unable to reach the data directory (below /root, or a 0700 directory of `mktemp -d`) or the
binaries (a virtual environment below a home). Then the process is given one capability, to pass through and read
directories; it stays an unprivileged user in all else.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meterline.suite import host
from meterline.suite.errors import SuiteError

_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
# Containers often hold only the second; it allows more, but never more than the root that lends it could do itself.
_CAPABILITIES_THAT_REACH = (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE)
_USER_NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run a child as, and the number of the one Linux capability it keeps, if any."""

    name: str
    user_id: int
    group_id: int
    capability: int | None = None


def account_for_postgres(data_dir: Path, must_reach: Iterable[Path]) -> Account | None:
    """Return the account that runs Postgres on `data_dir`, or None for our own.

    Raises SuiteError if the data belongs to another user, or root can't lend an account that reaches every path.
    """
    owner_id = data_dir.stat().st_uid if data_dir.exists() else None
    if os.geteuid() != 0:
        if owner_id not in (None, os.geteuid()):
            raise SuiteError(f"{data_dir} belongs to user id {owner_id}; run as that user, or choose another --data")
        return None
    found = _by_id(owner_id) if owner_id else _by_name()
    for path in must_reach:
        blocked = host.unreachable_part(path, found.user_id, found.group_id)
        if blocked is not None:
            return _with_capability(found, blocked)
    return found


def _by_id(user_id: int) -> Account:
    try:
        entry = pwd.getpwuid(user_id)
    except KeyError:
        return Account(str(user_id), user_id, user_id)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _by_name() -> Account:
    for name in _USER_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise SuiteError("Postgres can't run as root and there is no user `postgres` or `nobody`; run as a normal user")


def _with_capability(account: Account, blocked: Path) -> Account:
    own = host.own_capabilities()
    for capability in _CAPABILITIES_THAT_REACH:
        if own & (1 << capability):
            return Account(account.name, account.user_id, account.group_id, capability)
    raise SuiteError(
        f"Postgres can't run as root, and user {account.name}, who runs it instead, can't enter {blocked}; choose a "
        f"--data directory that every user can enter, or run as a normal user"
    )
