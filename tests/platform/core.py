"""As much of the platform's server as its SDK needs: entities in memory, over HTTP.

`python core.py` prints its port and serves until it is stopped. It is for comparing the real SDK
with the runner's stand-in (tests/test_runner_sdk_beside.py), and keeps what it is given: nothing
is run.
"""

from __future__ import annotations

import json
import re
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Entity = dict[str, Any]

PROJECTS: dict[str, Entity] = {}
ENTITIES: dict[tuple[str, str], list[Entity]] = {}
"""By project and type, the oldest first."""

SECRETS: dict[str, str] = {}
FILES: dict[str, Any] = {}
METRICS: dict[str, dict[str, Any]] = {}

_PROJECT = re.compile(r"/api/v1/projects(?:/([^/]+))?")
_ENTITY = re.compile(r"/api/v1/-/([^/]+)/(\w+)s(?:/([^/]+))?(?:/(files/info|metrics)(?:/(.+))?)?")


class Core(BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""

    def _answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _given(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length) or b"{}")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if match := _PROJECT.fullmatch(url.path):
            found = PROJECTS.get(match[1] or "")
            self._answer(*((200, found) if found else _missing()))
        elif match := _ENTITY.fullmatch(url.path):
            self._answer(*_read(match, query))
        else:
            self._answer(200, {})

    def do_POST(self) -> None:
        url, given = urlsplit(self.path), self._given()
        if _PROJECT.fullmatch(url.path):
            PROJECTS[given["name"]] = _complete(given, given["name"], "project")
            self._answer(200, PROJECTS[given["name"]])
        elif match := _ENTITY.fullmatch(url.path):
            made = _complete(given, match[1], match[2])
            ENTITIES.setdefault((match[1], match[2]), []).append(made)
            self._answer(200, made)
        else:
            self._answer(200, {})

    def do_PUT(self) -> None:
        url, given = urlsplit(self.path), self._given()
        if match := _PROJECT.fullmatch(url.path):
            PROJECTS[match[1]] = _complete(given, match[1], "project")
            self._answer(200, PROJECTS[match[1]])
        elif (match := _ENTITY.fullmatch(url.path)) and match[4] == "files/info":
            FILES[match[3]] = given
            self._answer(200, given)
        elif match and (match[2], match[3]) == ("secret", "data"):
            SECRETS.update(given)
            self._answer(200, SECRETS)
        elif match and match[4] == "metrics":
            METRICS.setdefault(match[3], {})[match[5]] = given
            self._answer(200, given)
        elif match:
            made = _complete(given, match[1], match[2])
            known = ENTITIES.setdefault((match[1], match[2]), [])
            known[:] = [made if each["id"] == match[3] else each for each in known]
            self._answer(200, made)
        else:
            self._answer(200, {})

    def do_DELETE(self) -> None:
        self._answer(200, True)


def _complete(given: Entity, project: str, type_: str) -> Entity:
    """What the server adds to what it is given."""
    made = dict(given)
    made.setdefault("id", uuid.uuid4().hex)
    made["project"] = project
    version = f"{made.get('name', made['id'])}:{made['id']}"
    tail = version if type_ not in ("run", "task") else made["id"]
    made.setdefault("key", f"store://{project}/{type_}/{made.get('kind')}/{tail}")
    made["metadata"] = {
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:00Z",
        **(made.get("metadata") or {}),
    }
    made.setdefault("spec", {})
    made["status"] = {"state": "CREATED", **(made.get("status") or {})}
    return made


def _read(match: re.Match[str], query: dict[str, str]) -> tuple[int, Any]:
    project, type_, identifier, part, metric = match.groups()
    if (type_, identifier) == ("secret", "data"):
        return 200, SECRETS
    if part == "files/info":
        return 200, FILES.get(identifier, [])
    if part == "metrics":
        known = METRICS.get(identifier, {})
        return 200, known.get(metric, {}) if metric else known
    entities = ENTITIES.get((project, type_), [])
    if identifier is not None:
        found = next((each for each in entities if each["id"] == identifier), None)
        return (200, found) if found else _missing()
    listed = [
        each
        for each in entities[::-1]
        if all(each.get(key) == query[key] for key in ("name", "kind") if key in query)
        and query.get("function") in (None, each["spec"].get("function"))
    ]
    if query.get("versions") != "all":
        names = [each.get("name") or each["id"] for each in listed]
        listed = [each for place, each in enumerate(listed) if names.index(names[place]) == place]
    return 200, {"content": listed, "totalPages": 1, "last": True, "totalElements": len(listed)}


def _missing() -> tuple[int, Any]:
    return 404, {"message": "No such EntityName"}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Core)
    print(server.server_port, flush=True)
    server.serve_forever()
