"""Sessions that were looked up a moment ago: a page asks many questions at once, and each needs its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from portal.domain.sessions import Session

_ENTRIES_MAX: Final = 10_000


class RememberedSessions:
    """Sessions by the hash of their secret, each for a few seconds."""

    def __init__(self, kept_s: float) -> None:
        """Remember each session for `kept_s` seconds."""
        self._kept_s = kept_s
        self._entries: dict[bytes, tuple[Session, float]] = {}

    def find(self, digest: bytes, now_s: float) -> Session | None:
        """Return the session, unless it was looked up too long ago."""
        session, until_s = self._entries.get(digest, (None, 0.0))
        return session if now_s < until_s else None

    def keep(self, digest: bytes, session: Session, now_s: float) -> None:
        """Remember a session that was just looked up."""
        if len(self._entries) >= _ENTRIES_MAX:
            # Dicts keep insertion order, so this removes the oldest entry.
            del self._entries[next(iter(self._entries))]
        self._entries.pop(digest, None)
        self._entries[digest] = (session, now_s + self._kept_s)

    def forget(self, tenant: str, session_id: str) -> None:
        """Forget a session that was revoked."""
        for digest, (session, _) in list(self._entries.items()):
            if (session.tenant, session.id) == (tenant, session_id):
                del self._entries[digest]
