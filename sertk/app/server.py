"""Serve the page on this machine only, and nothing but its known files.

In: address -> content. Out: a server on 127.0.0.1 that answers GET and HEAD, with headers that let
a browser load nothing from anywhere else.
"""

import hashlib
import re
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any

from sertk.app.site import POLICY
from sertk.errors import ConfigurationError

HOST, PORT = "127.0.0.1", 8765
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_MOST_CONNECTIONS = 64  # a browser opens six
_IDLE_SECONDS = 20.0  # without a byte from the other side, or taken by it
_ASKING_SECONDS = 20.0  # for the whole head of a request
_KINDS = {
    ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8", ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm",
    ".wav": "audio/wav", ".zip": "application/zip",
}  # fmt: skip
# no-cache: a browser asks each time whether a file is still the one it has, since the next run may
# be served at the same address; the ETag, a hash of the content, lets it keep what is unchanged
_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class _Quiet(ThreadingHTTPServer):
    """Answer on threads, a few at once, and none of them for ever."""

    daemon_threads = True

    def __init__(self, *arguments: Any):
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._asking: dict[socket.socket, float] = {}
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a new thread, or close the connection if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def expect(self, connection: socket.socket) -> None:
        """Give a browser some seconds to ask for something in full."""
        self._asking[connection] = time.monotonic() + _ASKING_SECONDS

    def asked(self, connection: socket.socket) -> None:
        """Note that a request is there in full, or that its connection has ended."""
        self._asking.pop(connection, None)

    def service_actions(self) -> None:
        """Close connections whose request did not come in time; called twice a second."""
        now = time.monotonic()
        for connection, until in list(self._asking.items()):
            if now > until:
                self.asked(connection)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report a browser that disconnects during a transfer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """Hold the page open on 127.0.0.1.

    Args:
        files: Address, relative to the page -> content.
        port: 0 takes any that is free.

    Attributes:
        address: Where a browser finds it.

    Raises:
        ConfigurationError: If the port is taken or out of range.

    Examples:
        >>> with Server({"index.html": b"hello"}, port=0) as server:
        ...     server.address.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, files: Mapping[str, bytes], port: int = PORT):
        try:
            self._server = _Quiet((HOST, port), _handler(files))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"Cannot use port {port} ({reason}).",
                "The page needs a free port.",
                "Choose another one with --port, or any free one with --port 0.",
                code="port-unavailable",
            ) from error
        self.address = f"http://{HOST}:{self._server.server_address[1]}/"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve(files: Mapping[str, bytes], port: int = PORT) -> None:
    """Serve the page until Ctrl-C.

    Args:
        files: As `sertk.app.files` gives them.
        port: 0 takes any that is free.

    Examples:
        `sertk.app.serve(sertk.app.files("bundle.zip"))`
    """
    with Server(files, port):
        wait()


def wait() -> None:
    """Wait for Ctrl-C, in steps, so that it is noticed on every system."""
    while True:
        time.sleep(0.5)


def _is_this_machine(host: str, connection: socket.socket) -> bool:
    """Return whether a Host header names this machine, by a name that no other page can have."""
    name = re.sub(r":\d{1,5}$", "", host.strip()).lower()  # an ssh tunnel has its own port
    return name in (*_OWN_NAMES, HOST, connection.getsockname()[0])


def _is_known(tag: str, sent: str) -> bool:
    """Return whether an If-None-Match header names the ETag of a file."""
    return sent.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in sent.split(",")]


def _handler(files: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    tags = {name: f'"{hashlib.sha256(content).hexdigest()}"' for name, content in files.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "sertk"
        sys_version = ""
        timeout = _IDLE_SECONDS

        def handle_one_request(self) -> None:
            """Read one request and answer it, within the time limit."""
            server: Any = self.server
            server.expect(self.connection)
            try:
                super().handle_one_request()
            finally:
                server.asked(self.connection)

        def parse_request(self) -> bool:
            """Read the head of a request; the answer that follows has no time limit."""
            parsed = super().parse_request()
            server: Any = self.server
            server.asked(self.connection)
            return parsed

        def do_GET(self) -> None:
            self._answer(True)

        def do_HEAD(self) -> None:
            self._answer(False)

        def _answer(self, body: bool) -> None:
            if not _is_this_machine(self.headers.get("Host", ""), self.connection):
                self._give(HTTPStatus.FORBIDDEN, b"This page is for 127.0.0.1.", ".txt", body)
                return
            name = self.path.partition("?")[0].lstrip("/") or "index.html"
            if name not in files:
                self._give(HTTPStatus.NOT_FOUND, b"There is no such file.", ".txt", body)
                return
            if _is_known(tags[name], self.headers.get("If-None-Match", "")):
                self.send_response(HTTPStatus.NOT_MODIFIED)
                self._end({**_HEADERS, "ETag": tags[name]})
                return
            suffix = PurePosixPath(name).suffix
            self._give(HTTPStatus.OK, files[name], suffix, body, ETag=tags[name])

        def _give(
            self, status: HTTPStatus, content: bytes, suffix: str, body: bool, **headers: str
        ) -> None:
            self.send_response(status)
            kind = _KINDS.get(suffix, "application/octet-stream")
            about = {"Content-Type": kind, "Content-Length": str(len(content))}
            self._end({**about, **_HEADERS, **headers})
            if body:
                self.wfile.write(content)

        def _end(self, headers: Mapping[str, str]) -> None:
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log no requests: when the page is used is private."""

    return Handler
