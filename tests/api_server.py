"""A stand-in of a cluster's API for kubectl: it has some kinds, and keeps what is applied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KINDS = {
    "v1": {
        "Secret": "secrets",
        "Service": "services",
        "PersistentVolumeClaim": "persistentvolumeclaims",
    },
    "apps/v1": {"Deployment": "deployments"},
    "argoproj.io/v1alpha1": {"Application": "applications"},
    "batch/v1": {"CronJob": "cronjobs", "Job": "jobs"},
    "source.toolkit.fluxcd.io/v1": {"GitRepository": "gitrepositories"},
    "kustomize.toolkit.fluxcd.io/v1": {"Kustomization": "kustomizations"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
}


@contextmanager
def api_server(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The settings for kubectl that lead there, written below `folder`, and the objects by their
    paths in the API."""
    objects: dict[str, Any] = {}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = _discovered(path) or objects.get(path)
            self._answer(200 if found else 404, found or {"kind": "Status", "code": 404})

        def do_POST(self) -> None:
            made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            objects[f"{self.path.partition('?')[0]}/{made['metadata']['name']}"] = made
            self._answer(201, made)

        def _answer(self, status: int, body: Mapping[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "c", "context": {"cluster": "c"}}
    settings = {"apiVersion": "v1", "kind": "Config", "current-context": "c"}
    settings |= {"clusters": [cluster], "contexts": [context]}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(settings))
    try:
        yield path, objects
    finally:
        server.shutdown()
        server.server_close()


def _discovered(path: str) -> Mapping[str, Any] | None:
    """Which kinds there are, as kubectl asks for it."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [
            {
                "name": version.partition("/")[0],
                "versions": [{"groupVersion": version, "version": version.partition("/")[2]}],
                "preferredVersion": {"groupVersion": version, "version": version.partition("/")[2]},
            }
            for version in KINDS
            if "/" in version
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    kinds = KINDS.get(path.removeprefix("/apis/").removeprefix("/api/"))
    if kinds is None:
        return None
    resources = [
        {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": True}
        | {"verbs": ["create", "get", "list", "patch"]}
        for kind, name in kinds.items()
    ]
    version = path.removeprefix("/apis/").removeprefix("/api/")
    return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
