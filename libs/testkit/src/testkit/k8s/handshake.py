"""What servers show to a new TLS connection, asked from where this runs.

    python -m testkit.k8s.handshake CA CERTIFICATE KEY NAME=ADDRESS...

Prints as JSON, for each address, the certificate that was shown, or "" where either side did not take the other's.
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path

from chassis.tls.files import TlsFiles
from testkit.certificates import shown_certificate


def shown(address: str, files: TlsFiles, name: str) -> str:
    """Return the certificate, or "" if one side refuses the other. Raises OSError where nobody answers."""
    try:
        return shown_certificate(address, files, name)
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return ""


def main() -> None:
    """Ask every server once."""
    authorities, certificate, key, *servers = sys.argv[1:]
    files = TlsFiles(Path(authorities), Path(certificate), Path(key))
    places = [(address, name) for name, _, address in (server.partition("=") for server in servers)]
    sys.stdout.write(json.dumps({address: shown(address, files, name) for address, name in places}))


if __name__ == "__main__":
    main()
