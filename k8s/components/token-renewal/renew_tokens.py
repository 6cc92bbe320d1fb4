"""Give each service that calls another a new token, long before its last one ends.

It only writes: what was in the Secrets it can't read. A Secret that is not there is made by hand once (k8s/README.md).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from meterline.in_pod import ACCOUNT, call_api
from meterline.suite import files
from meterline.suite.services import SERVICES
from meterline.tokens import SigningKey, mint, service_grant

MOUNTED_KEY = Path("/etc/meterline/signing-key/signing.pem")
COPIED_KEY = Path(os.environ.get("TMPDIR", "/tmp")) / "signing.pem"  # noqa: S108 - the pod's own, and empty at its start
LIFE = timedelta(days=14)
"""Renewed every day: a fortnight to notice that it fails."""


def signing_key(mounted: Path, copied: Path) -> SigningKey:
    """Return the key that signs. A mounted file is open to the group, and a key that others may read is refused."""
    files.write_atomically(copied, mounted.read_text("ascii"), mode=files.SECRET_MODE)
    return SigningKey.load(copied)


def main(mounted: Path = MOUNTED_KEY, copied: Path = COPIED_KEY, account: Path = ACCOUNT) -> None:
    """Renew all of them; the first one that can't be written ends the run."""
    key = signing_key(mounted, copied)
    for spec in SERVICES:
        if spec.asks:
            grant = service_grant(spec.name, acts_for_customers=spec.acts_for_customers)
            body = {"stringData": {"token": mint(key, grant, valid_for=LIFE)}}
            call_api("PATCH", f"secrets/{spec.name}-token", body, account=account)
            print(f"Secret {spec.name}-token: renewed for {LIFE.days} days")


if __name__ == "__main__":
    main()
