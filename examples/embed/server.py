"""A seller's own web application, as small as it can be, with a customer's usage and cost on its pages.

    python examples/embed/server.py --customer UA

It does the one thing that the portal needs of its host: whoever is signed in here gets a token for the pages of just
that customer, made with the seller's own token, which never leaves the server. Signing in is left out: everybody who
comes is the customer given on the command line.
"""

from __future__ import annotations

import argparse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import session_pb2
from meterline import Client
from meterline.suite import context as contexts

PAGES: Final = Path(__file__).parent / "pages"
_TYPES: Final = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Host(ThreadingHTTPServer):
    """The application: its pages, and the token for whoever is signed in."""

    daemon_threads = True

    def __init__(self, client: Client, customer: str, portal: str, port: int = 0, pages: Path = PAGES) -> None:
        """Listen on `port` of this machine (0 = any that is free)."""
        super().__init__(("127.0.0.1", port), Page)
        self.client = client
        self.customer = customer
        self.portal = portal
        self.pages = pages

    @property
    def url(self) -> str:
        """Where browsers find it: another origin than that of the portal."""
        return f"http://localhost:{self.server_address[1]}"

    def token(self) -> str:
        """Make a token for the pages of the customer who is signed in. It is good for ten minutes."""
        request = pb.CreateSessionRequest(customer=self.customer, kind=session_pb2.SESSION_KIND_EMBED)
        session: pb.CreateSessionResponse = self.client.call(self.client.aio.stub("portal").CreateSession(request))
        return session.token


class Page(BaseHTTPRequestHandler):
    """One request."""

    server: Host

    def do_GET(self) -> None:
        """Answer with a page, or with a token for the portal."""
        name = self.path.partition("?")[0].strip("/") or "index.html"
        if name == "portal-token":
            self._send(HTTPStatus.OK, "text/plain", self.server.token())
            return
        page = self.server.pages / name
        if page.suffix not in _TYPES or page.parent != self.server.pages or not page.is_file():
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "no such page")
            return
        text = page.read_text(encoding="utf-8").replace("{{portal}}", self.server.portal)
        self._send(HTTPStatus.OK, _TYPES[page.suffix], text)

    def log_message(self, *_: object) -> None:
        """Say nothing: a token must not come into a log."""

    def _send(self, status: HTTPStatus, media_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A host page with a customer's usage and cost on it.")
    parser.add_argument("--customer", required=True, help="who is signed in")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    portal = contexts.load().urls["portal"]
    with Client.from_context() as client, Host(client, arguments.customer, portal, arguments.port) as host:
        print(f"{host.url} shows what {arguments.customer} has used; Ctrl-C ends it.")
        print(f"The portal must allow it: allowedOrigins: [{host.url}]")
        try:
            host.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
