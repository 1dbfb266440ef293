"""The state of a service -> `/live`, `/ready` and `/metrics`, for kubelets and Prometheus."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("gitopsc_requests", "Requests that were answered.", ("method", "status"))
SECONDS = Histogram("gitopsc_request_seconds", "From a request's arrival to its answer's end.")
IN_PROGRESS = Gauge("gitopsc_requests_in_progress", "Requests that are being answered.")


class Health:
    """Answers from a thread of its own: a busy handler cannot make it late."""

    def __init__(self, host: str, port: int) -> None:
        self.is_ready = False
        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, kind = b"", "text/plain"
                path = self.path.partition("?")[0]
                status = {"/live": 200, "/ready": 200 if health.is_ready else 503}.get(path, 404)
                if path == "/metrics":
                    status, body, kind = 200, generate_latest(), CONTENT_TYPE_LATEST
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer((host, port), Handler)
        self.port = server.server_port
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
