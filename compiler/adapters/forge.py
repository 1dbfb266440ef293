"""The forge whose CI runs this -> what its pull request shows: a comment, labels, a summary.

GitHub's REST API 2022-11-28 and GitLab's v4. What a forge refuses is said, and stops nothing: a
pull request of a fork has a token that may only read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

_SECONDS = 30
_PAGE = 100
_MOST_PAGES = 50
_BOT = "github-actions[bot]"
"""Who writes with the token that GitHub gives to each job."""


class ForgeRefused(Exception):
    """What was to be written was not, and why."""


def _asked(method: str, url: str, headers: Mapping[str, str], body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    kind = {"Content-Type": "application/json"} if body is not None else {}
    request = Request(url, data, {"User-Agent": "gitopsc", **headers, **kind}, method=method)
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            text = answer.read()
    except HTTPError as error:
        error.close()
        raise ForgeRefused(f"it answers {error.code} {error.reason}") from None
    except (URLError, OSError) as error:
        raise ForgeRefused(str(getattr(error, "reason", error)).lower()) from None
    try:
        return json.loads(text or b"null")
    except ValueError:
        raise ForgeRefused("its answer is not JSON") from None


class GitHub:
    """One pull request. `base` is the branch that it is for; `form` are its annotations."""

    name = "GitHub"
    form = "github"

    def __init__(self) -> None:
        self.base = os.environ["GITHUB_BASE_REF"]
        api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self._api = api
        self._repository = f"{api}/repos/{os.environ.get('GITHUB_REPOSITORY', '')}"
        parts = os.environ.get("GITHUB_REF", "").split("/")  # refs/pull/<number>/merge
        self._number = parts[2] if parts[:2] == ["refs", "pull"] else "0"
        self._issue = f"{self._repository}/issues/{self._number}"

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        token = os.environ.get("GITHUB_TOKEN")
        if not token:
            raise ForgeRefused("GITHUB_TOKEN is not set")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return _asked(method, url, headers, body)

    def _self(self) -> str:
        try:
            return str(self._ask("GET", f"{self._api}/user")["login"])
        except ForgeRefused:
            return _BOT

    def comments(self) -> Iterator[tuple[str, str]]:
        """What this user has written: how it is called, and its text. Raises ForgeRefused.

        A comment of somebody else, who could change it afterwards, is no place for a review.
        """
        own = self._self()
        for page in range(1, _MOST_PAGES + 1):
            found = self._ask("GET", f"{self._issue}/comments?per_page={_PAGE}&page={page}")
            for each in found:
                if (each.get("user") or {}).get("login") == own:
                    yield str(each["id"]), str(each.get("body"))
            if len(found) < _PAGE:
                return

    def write_comment(self, known: str | None, text: str) -> None:
        """A new one, or over one that is known. Raises ForgeRefused."""
        if known is None:
            self._ask("POST", f"{self._issue}/comments", {"body": text})
        else:
            self._ask("PATCH", f"{self._repository}/issues/comments/{known}", {"body": text})

    def label(self, wanted: Set[str], others: Iterable[str]) -> None:
        """Sets those that are `wanted`, and removes the `others`. Raises ForgeRefused."""
        has = {each["name"] for each in self._ask("GET", f"{self._issue}/labels?per_page={_PAGE}")}
        if new := sorted(wanted - has):
            self._ask("POST", f"{self._issue}/labels", {"labels": new})
        for name in sorted(has & {*others} - wanted):
            self._ask("DELETE", f"{self._issue}/labels/{quote(name, safe='')}")

    def summarise(self, text: str) -> None:
        """On the page of the job."""
        _append("GITHUB_STEP_SUMMARY", text)

    def tell(self, outputs: Mapping[str, str]) -> None:
        """Later steps of the job; values are of one line each."""
        _append("GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in outputs.items()))


def _append(variable: str, text: str) -> None:
    if place := os.environ.get(variable):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)


class GitLab:
    """The same of a merge request."""

    name = "GitLab"
    form = "gitlab"

    def __init__(self) -> None:
        self.base = os.environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")
        self._api = os.environ.get("CI_API_V4_URL", "")
        project, number = os.environ.get("CI_PROJECT_ID"), os.environ["CI_MERGE_REQUEST_IID"]
        self._request = f"{self._api}/projects/{project}/merge_requests/{number}"

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        """The token of a job may not write notes, so another one is asked for."""
        token = os.environ.get("GITOPSC_TOKEN")
        if not token:
            raise ForgeRefused("GITOPSC_TOKEN is not set: it needs the scope `api`")
        return _asked(method, url, {"PRIVATE-TOKEN": token}, body)

    def comments(self) -> Iterator[tuple[str, str]]:
        own = self._ask("GET", f"{self._api}/user")["id"]
        for page in range(1, _MOST_PAGES + 1):
            found = self._ask("GET", f"{self._request}/notes?per_page={_PAGE}&page={page}")
            for each in found:
                if (each.get("author") or {}).get("id") == own:
                    yield str(each["id"]), str(each.get("body"))
            if len(found) < _PAGE:
                return

    def write_comment(self, known: str | None, text: str) -> None:
        if known is None:
            self._ask("POST", f"{self._request}/notes", {"body": text})
        else:
            self._ask("PUT", f"{self._request}/notes/{known}", {"body": text})

    def label(self, wanted: Set[str], others: Iterable[str]) -> None:
        removed = sorted({*others} - wanted)
        body = {"add_labels": ",".join(sorted(wanted)), "remove_labels": ",".join(removed)}
        self._ask("PUT", self._request, body)

    def summarise(self, text: str) -> None:
        """GitLab has no such page."""

    def tell(self, outputs: Mapping[str, str]) -> None:
        """Later jobs, which take a file of the reports as variables."""
        lines = (f"GITOPSC_{key.upper()}={value}\n" for key, value in outputs.items())
        place = Path(outputs["reports"], "gitopsc.env")
        place.write_text("".join(lines), encoding="utf-8")


Forge = GitHub | GitLab


def forge_here() -> Forge | None:
    """The forge whose CI has set the environment, for a pull request; None elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and os.environ.get("GITHUB_BASE_REF"):
        return GitHub()
    if os.environ.get("GITLAB_CI") == "true" and os.environ.get("CI_MERGE_REQUEST_IID"):
        return GitLab()
    return None
