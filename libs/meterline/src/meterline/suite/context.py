"""The context file: how commands find a running suite and prove who they are. `meterline up` writes it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from meterline.suite import files
from meterline.suite.directory import DataDirectory, default_data_dir
from meterline.suite.errors import SuiteError

ENVIRONMENT_KEY = "METERLINE_CONTEXT"
"""Environment variable that names the context file."""

_TLS_KEYS: Final = {
    "ca_file": "METERLINE_CA_FILE",
    "cert_file": "METERLINE_CERT_FILE",
    "key_file": "METERLINE_KEY_FILE",
}
"""Environment variables that stand above the context file's own `tls`."""
_PLAINTEXT_KEY: Final = "METERLINE_PLAINTEXT"
_ALLOWED: Final = "allowed"


_REREAD_S = 30.0


class ContextError(SuiteError):
    """There is no usable context; the text says how to get one."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How services are called over TLS, by PEM files that are looked at again when they change.

    `ca_file` holds the authorities that sign the services' certificates (None = those that gRPC knows by itself);
    `cert_file` and `key_file` the caller's own certificate, for services that demand one.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """A suite that can be called.

    Only `services` (name -> host:port) and `token` are always there. With `customer`, calls act for that customer
    alone; a token that reaches every tenant needs `tenant`. `file` is where it was read from. The rest is known of a
    suite that `meterline up` runs on this machine: `pids` (with "postgres"), `dsn` and `health` per service, the public
    keys, the data directory. `metrics` (name -> host:port, for Prometheus) may be named of any suite, as may `urls`
    (name -> address for a browser).

    Without `tls`, services are called in plain text: on this machine, and elsewhere only if `plaintext_allowed`, since
    every call carries the token.
    """

    services: Mapping[str, str]
    token: str = field(repr=False)
    pids: Mapping[str, int] = field(default_factory=dict)
    dsn: Mapping[str, str] = field(default_factory=dict, repr=False)
    health: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    data_dir: Path | None = None
    jwks_file: Path | None = None
    supervisor: int | None = None
    tls: Tls | None = None
    plaintext_allowed: bool = False
    tenant: str = ""
    customer: str = ""
    file: Path | None = field(default=None, compare=False)

    def address(self, service: str) -> str:
        """Return host:port of a service. Raises ContextError if the context does not name it."""
        try:
            return self.services[service]
        except KeyError:
            raise ContextError(f"the context names no service {service!r}") from None

    def keys_directory(self) -> Path:
        """Return where the signing key lies. Raises ContextError if the suite is not on this machine."""
        if self.data_dir is None:
            raise ContextError("the context names no data directory, so there is no signing key to use; name one")
        return DataDirectory(self.data_dir).keys

    def to_json(self) -> dict[str, Any]:
        """Return the document that is the context file."""
        return {
            "services": dict(self.services),
            "pids": dict(self.pids),
            "token": self.token,
            "dsn": dict(self.dsn),
            "health": dict(self.health),
            "metrics": dict(self.metrics),
            "urls": dict(self.urls),
            "data_dir": str(self.data_dir) if self.data_dir else None,
            "jwks_file": str(self.jwks_file) if self.jwks_file else None,
            "supervisor": self.supervisor,
            "tls": {key: str(path) if (path := getattr(self.tls, key)) else None for key in _TLS_KEYS}
            if self.tls
            else None,
            "plaintext": _ALLOWED if self.plaintext_allowed else None,
            "tenant": self.tenant,
            "customer": self.customer,
        }


class ContextToken:
    """The token of a context. Of one that was read from a file it is read again, because `meterline up` renews it."""

    def __init__(self, context: Context, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with the token of `context`; `monotonic_s` tells how much time has passed."""
        self._context = context
        self._monotonic_s = monotonic_s
        self._look_after_s = monotonic_s() + _REREAD_S

    def token(self) -> str:
        """Return the token, as of half a minute ago at most; while the file can't be read, the last one."""
        now_s = self._monotonic_s()
        if self._context.file is not None and now_s > self._look_after_s:
            self._look_after_s = now_s + _REREAD_S
            with contextlib.suppress(ContextError):
                self._context = load(self._context.file)
        return self._context.token


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Context:
    """Read the context: `path`, else the file METERLINE_CONTEXT names, else that of `.meterline` here.

    Raises ContextError, whose text says what to do.
    """
    named = path or (Path(environ[ENVIRONMENT_KEY]) if environ.get(ENVIRONMENT_KEY) else None)
    file = named or DataDirectory(default_data_dir()).context_file
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        hint = "is it still starting?" if named else "start one with `meterline up`"
        raise ContextError(f"no suite is running: there is no {file}; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ContextError(f"can't read the context {file}: {error}") from error
    return _with_environment(_parse(file, text), environ)


def _with_environment(context: Context, environ: Mapping[str, str]) -> Context:
    named = {key: Path(environ[variable]) for key, variable in _TLS_KEYS.items() if environ.get(variable)}
    if named:
        context = replace(context, tls=replace(context.tls or Tls(), **named))
    if environ.get(_PLAINTEXT_KEY) == _ALLOWED:
        context = replace(context, plaintext_allowed=True)
    return context


def acting_for(context: Context, *, tenant: str = "", customer: str = "") -> Context:
    """Return `context` for calls that act for a tenant and a customer; an empty one leaves that of the context."""
    return replace(context, tenant=tenant or context.tenant, customer=customer or context.customer)


def with_token(context: Context, token: str) -> Context:
    """Return `context` for calls with another token; without its file, whose token would take the place of this one."""
    return replace(context, token=token, file=None)


def save(path: Path, context: Context) -> None:
    """Write the context file, whole or not at all, readable by its owner alone since it holds a token."""
    files.write_json(path, context.to_json(), mode=files.SECRET_MODE)


def _parse(file: Path, text: str) -> Context:
    try:
        document = json.loads(text)
        return Context(
            services={str(name): str(address) for name, address in document["services"].items()},
            token=str(document["token"]),
            pids={str(name): int(pid) for name, pid in (document.get("pids") or {}).items()},
            dsn={str(name): str(dsn) for name, dsn in (document.get("dsn") or {}).items()},
            health={str(name): str(address) for name, address in (document.get("health") or {}).items()},
            metrics={str(name): str(address) for name, address in (document.get("metrics") or {}).items()},
            urls={str(name): str(address) for name, address in (document.get("urls") or {}).items()},
            data_dir=Path(document["data_dir"]) if document.get("data_dir") else None,
            jwks_file=Path(document["jwks_file"]) if document.get("jwks_file") else None,
            supervisor=document.get("supervisor"),
            tls=_tls(document.get("tls")),
            plaintext_allowed=document.get("plaintext") == _ALLOWED,
            tenant=str(document.get("tenant") or ""),
            customer=str(document.get("customer") or ""),
            file=file,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContextError(
            f"{file} is no context: it needs services (name: host:port) and token ({type(error).__name__}: {error})"
        ) from error


def _tls(document: Mapping[str, str | None] | None) -> Tls | None:
    if document is None:
        return None
    unknown = sorted(set(document) - set(_TLS_KEYS))
    if unknown:
        raise ValueError(f"tls has no {unknown[0]!r}, only {', '.join(_TLS_KEYS)}")
    return Tls(**{key: Path(path) for key, path in document.items() if path})
