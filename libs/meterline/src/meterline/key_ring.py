"""The signing keys of a suite in a folder: the one that signs, the next one, and the public halves services know.

A key is replaced in three steps, so that every token is known to every service at any time: the next key is listed
beside the present one; once all services have read the list, it begins to sign; once the last token of the old key has
ended, the old key is taken off the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meterline.errors import TokenError
from meterline.suite import files
from meterline.tokens import JWKS_FILE_NAME, KEY_FILE_NAME, SigningKey, listed_keys

if TYPE_CHECKING:
    from pathlib import Path

NEXT_KEY_FILE_NAME: Final = "signing.next.pem"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A public key that services accept: `signing`, `next`, or `retiring` once another one signs."""

    kid: str
    state: str


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys in a folder. Every method raises TokenError if a file can't be read or is not what it should be."""

    directory: Path

    @property
    def jwks_file(self) -> Path:
        """The public keys, for all services."""
        return self.directory / JWKS_FILE_NAME

    def create(self) -> ListedKey:
        """Make the first key and its list."""
        if self._signing_file.exists():
            raise TokenError(f"{self._signing_file} exists; replace it by `meterline keys rotate`")
        files.make_private_directory(self.directory)
        key = SigningKey.generate()
        key.save(self._signing_file)
        self._write([key.public_jwk()])
        return ListedKey(key.kid, "signing")

    def listed(self) -> list[ListedKey]:
        """Return what is listed."""
        signing = SigningKey.load(self._signing_file).kid
        following = SigningKey.load(self._next_file).kid if self._next_file.exists() else None
        states = {signing: "signing", following: "next"}
        return [ListedKey(str(entry["kid"]), states.get(entry["kid"], "retiring")) for entry in self._entries()]

    def prepare(self) -> ListedKey:
        """List a next key, which signs nothing yet."""
        SigningKey.load(self._signing_file)
        if self._next_file.exists():
            raise TokenError("a next key is prepared; let it sign by `meterline keys rotate --activate`")
        key = SigningKey.generate()
        # Listed first: a key that nobody knows of must never sign.
        self._write([*self._entries(), key.public_jwk()])
        key.save(self._next_file)
        return ListedKey(key.kid, "next")

    def activate(self) -> ListedKey:
        """Let the next key sign from now on; the one before stays listed."""
        if not self._next_file.exists():
            raise TokenError("no next key is prepared; make one by `meterline keys rotate`")
        key = SigningKey.load(self._next_file)
        if key.kid not in {entry.get("kid") for entry in self._entries()}:
            raise TokenError(f"{self.jwks_file} does not list the next key; take {self._next_file} away and begin anew")
        self._next_file.replace(self._signing_file)
        return ListedKey(key.kid, "signing")

    def retire(self, kid: str) -> None:
        """Take a key off the list: its tokens are refused from then on."""
        states = {listed.kid: listed.state for listed in self.listed()}
        if kid not in states:
            raise TokenError(f"{self.jwks_file} lists no key {kid!r}; `meterline keys list` shows which there are")
        if states[kid] != "retiring":
            raise TokenError(f"the key {kid!r} is {states[kid]}; let another one sign first: `meterline keys rotate`")
        self._write([entry for entry in self._entries() if entry["kid"] != kid])

    @property
    def _signing_file(self) -> Path:
        return self.directory / KEY_FILE_NAME

    @property
    def _next_file(self) -> Path:
        return self.directory / NEXT_KEY_FILE_NAME

    def _entries(self) -> list[dict[str, Any]]:
        return listed_keys(self.jwks_file)

    def _write(self, entries: list[dict[str, Any]]) -> None:
        files.write_json(self.jwks_file, {"keys": entries})
