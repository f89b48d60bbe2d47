# SPDX-License-Identifier: Apache-2.0
"""`/healthz` and `/metrics` over HTTP, for this machine alone.

Bound to 127.0.0.1, whatever the configuration: who watches from elsewhere comes by a tunnel or a
proxy with its own access control. One request at a time, each with a time-out.
Law of the file: it reads the last report and changes nothing; a node that no longer reports is ill.
Read next: watching.py.
"""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from edge_node.node.errors import MetricsMissing, MetricsPortTaken
from edge_node.node.metrics import Metrics
from edge_node.node.watching import Health
from edge_node.primitives.clock import Clock

HOST = "127.0.0.1"
REQUEST_TIMEOUT_S = 2.0
"""A client that is slower is cut off: others wait behind it."""
SILENT_MS = 30_000
"""A loop that has not reported for so long stands still; the slowest block takes less."""
STOP_POLL_S = 0.05
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class HealthServer:
    """A watcher (watching.py) that answers over HTTP.

    Parameters
    ----------
    port : int
        On 127.0.0.1; 0 for any free one.
    clock : Clock
        Tells when a report is too old.
    metrics : Metrics or None
        None where prometheus-client is not installed: `/healthz` answers all the same.

    Raises
    ------
    MetricsPortTaken
    """

    def __init__(self, port: int, clock: Clock, metrics: Metrics | None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._last: Health | None = None
        self._heard_ms = clock.monotonic_ms()
        try:
            self._server = _Server(port, self._answer)
        except OSError as error:
            raise MetricsPortTaken(port, error.strerror or str(error)) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_POLL_S,), name="health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def judged(self, kind: str, verdict: str, took_ms: int) -> None:
        """See Watcher."""
        if self._metrics is not None:
            self._metrics.judged(kind, verdict, took_ms)

    def mined(self, kind: str) -> None:
        """See Watcher."""
        if self._metrics is not None:
            self._metrics.mined(kind)

    def reorganised(self, depth: int) -> None:
        """See Watcher."""
        if self._metrics is not None:
            self._metrics.reorganised(depth)

    def health(self, health: Health) -> None:
        """See Watcher."""
        self._last, self._heard_ms = health, self._clock.monotonic_ms()
        if self._metrics is not None:
            self._metrics.health(health)

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> "tuple[HTTPStatus, str, bytes]":
        if path == "/healthz":
            return self._healthz()
        if path != "/metrics":
            return HTTPStatus.NOT_FOUND, _TEXT, b"there are /healthz and /metrics\n"
        if self._metrics is None:
            return HTTPStatus.NOT_IMPLEMENTED, _TEXT, f"{MetricsMissing()}\n".encode()
        return HTTPStatus.OK, _TEXT, self._metrics.text()

    def _healthz(self) -> "tuple[HTTPStatus, str, bytes]":
        last, silent_ms = self._last, self._clock.monotonic_ms() - self._heard_ms
        reasons = ["the node has not reported yet"] if last is None else list(last.reasons)
        if silent_ms > SILENT_MS:
            reasons.append(f"the node's loop has not turned for {silent_ms // 1_000} s")
        answer: dict[str, object] = {"healthy": not reasons, "reasons": reasons}
        if last is not None:
            answer |= {
                "height": last.height,
                "final_height": last.final_height,
                "head_age_ms": last.head_age_ms,
                "peers": last.peers,
            }
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return status, "application/json", json.dumps(answer).encode() + b"\n"


Answer = Callable[[str], "tuple[HTTPStatus, str, bytes]"]


class _Server(HTTPServer):
    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        super().__init__((HOST, port), _Request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        status, kind, body = self.server.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the log for the node."""
