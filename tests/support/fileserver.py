"""A real web server on this machine that truncates responses, sends wrong lengths or wrong content, and stalls."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_BLOCK = 1 << 16


@dataclass
class Server:
    """How the server answers every path, unless `files` names other content for it."""

    content: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """The server hangs up after these numbers of bytes of a response, once each."""

    status: int = 200
    kind: str = "application/zip"
    version: str | None = None
    """The server's ETag. A range request for another version gets the whole file."""

    ranges: bool = True
    wrong_range: bool = False
    claims_more: int = 0
    """The number of bytes by which the declared length is too large."""

    names_length: bool = True
    stalls_after: int | None = None
    seconds_a_block: float = 0.0
    leads_to: str | None = None
    tunnels: int = 501
    """The status of its responses to CONNECT, as a proxy."""

    asked: list[str | None] = field(default_factory=list)
    """The requested range of each request."""

    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        content = self.files.get(request.path.rpartition("/")[2], self.content)
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        is_same = request.headers.get("If-Range") in {None, self.version}
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges and is_same else 0
        if start >= len(content) and start:
            self._head(request, 416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        headers = {"Content-Type": self.kind}
        if self.names_length:
            headers["Content-Length"] = str(len(content) - start + self.claims_more)
        if start:
            first = 0 if self.wrong_range else start
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if self.version:
            headers["ETag"] = self.version
        if self.leads_to:
            headers = {"Location": self.leads_to, "Content-Length": "0"}
        status = 302 if self.leads_to else self.status if self.status != 200 else 206 if start else 200
        self._head(request, status, headers)
        if not self.leads_to:
            self._body(request, content, start)
        request.close_connection = True

    def _head(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    def _body(self, request: BaseHTTPRequestHandler, content: bytes, start: int) -> None:
        end = min(start + self.cuts.pop(0) if self.cuts else len(content), len(content))
        stop = end if self.stalls_after is None else min(end, start + self.stalls_after)
        for at in range(start, stop, _BLOCK):
            request.wfile.write(content[at : min(at + _BLOCK, stop)])
            if self.seconds_a_block:
                self.closing.wait(self.seconds_a_block)
        if stop < end:
            request.wfile.flush()
            self.closing.wait()


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    """Serve in a thread. With a file that holds a certificate and its key, serve over https."""
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                served.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_CONNECT(self) -> None:
            self.send_error(served.tunnels)

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore errors: a client that rejects the certificate is not worth a log line."""

    http = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    served.address = f"{'https' if certificate else 'http'}://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()
