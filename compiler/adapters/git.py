"""Git: which files of a folder belong to the repository, and what a remote repository holds.

The first by running `git`: starting it costs some two milliseconds, and importing a library for it
seventy times that, on a path that every command takes. The second by GitPython.

What is asked about may be a stranger's. A folder with the tracked files `HEAD`, `config`, `objects`
and `refs` is a repository to Git, whose configuration names programs to run. So the repository is
found here, by its `.git`, which no commit can hold, and named to Git; and whatever a configuration
says, Git runs no program of it: no file system monitor, no hook, no filter.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from gitopsc.adapters.owner import is_own

if TYPE_CHECKING:
    import git


class GitRefused(Exception):
    """There is a repository, and Git will not list it; the message is Git's."""


Files = dict[str, bool | None]


def start_listing(folder: str) -> Callable[[], Files | None]:
    """Has Git list the files below `folder` that it tracks, or would if they were added.

    What is returned gives their paths, relative to it. The value says whether a tracked file is
    executable, which Git knows on file systems that do not; None for an untracked one. Names that
    are not UTF-8 are left out: no descriptor can refer to them. None when `folder` is in no
    repository. Raises GitRefused.
    """
    root = repository_around(folder)
    if root is None:
        return lambda: None
    try:
        _check_trust(root)
    except GitRefused as error:
        return _refused(error)
    running = [
        _start(root, folder, *each) for each in (["--stage"], ["--others", "--exclude-standard"])
    ]

    def listing() -> Files | None:
        outcomes = [_outcome(each) for each in running]  # all are waited for
        tracked, untracked = map(_names, outcomes)
        files: Files = {}
        for line in tracked:
            mode, _, name = line.partition("\t")
            files[name] = mode.startswith("100755")
        for name in untracked:
            if not name.endswith("/"):
                files.setdefault(name, None)
        return files

    return listing


def _refused(error: GitRefused) -> Callable[[], NoReturn]:
    def refusal() -> NoReturn:
        raise error

    return refusal


def has_unstaged(folder: str, owned: Container[str]) -> bool:
    """Whether a commit would leave out a file of ours below `folder`, or take an older state.

    `owned` are relative to it. A tracked file that is gone was ours. What Git does not answer
    counts as a yes.
    """
    if repository_around(folder) is None or not os.path.isdir(folder):
        return False
    try:
        found = _listed(folder, "--others", "--exclude-standard", "--modified")
    except GitRefused:
        return True
    return any(name in owned or not os.path.lexists(f"{folder}/{name}") for name in found)


def modified(folder: str) -> list[str]:
    """Tracked files below a folder, relative to it, that are not as they are staged. Raises
    GitRefused."""
    found = _listed(folder, "--modified")
    filtered = _with_filters(folder, found)  # whose bytes here say nothing of those in Git
    return [each for each in found if each not in filtered]


def _with_filters(folder: str, paths: Sequence[str]) -> frozenset[str]:
    """Those of the files that a filter changes on their way into Git, such as LFS."""
    if not paths:
        return frozenset()
    prefix = path_in_repository(folder)
    given = "".join(f"{prefix}{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    asked = ("check-attr", "--stdin", "-z", "filter")
    fields = start_asking(folder, asked, given)().decode("utf-8", "surrogateescape").split("\0")
    values = zip(fields[::3], fields[2::3], strict=False)
    return frozenset(
        path.removeprefix(prefix) for path, value in values if value not in ("unspecified", "unset")
    )


def staged_content(folder: str, path: str) -> bytes:
    """Of a file below a folder, as it is staged; nothing of one that is not. Raises GitRefused."""
    name = f":{path_in_repository(folder)}{path}"
    return start_asking(folder, ("cat-file", "blob", name))()


def _listed(folder: str, *options: str) -> list[str]:
    root = repository_around(folder)
    if root is None:
        raise GitRefused("the folder is in no Git repository")
    _check_trust(root)
    filters = _without_filters(root, folder)
    return [*_names(_outcome(_start(root, folder, *options, settings=filters)))]


def kept_with_lf(folder: str) -> frozenset[str]:
    """Tracked files below a folder, relative to it, that Git stores with LF, and that have CRLF
    here: `core.autocrlf` or an attribute asks for that."""
    root = repository_around(folder)
    if root is None:
        return frozenset()
    try:
        _check_trust(root)
        lines = _names(_outcome(_start(root, folder, "--eol")))
    except GitRefused:
        return frozenset()
    told = (line.partition("\t") for line in lines)
    return frozenset(
        path
        for ends, _, path in told
        if ends.startswith("i/lf ") and ends.split()[1] in ("w/crlf", "w/mixed")
    )


def left_out_of_checkout(folder: str) -> frozenset[str]:
    """Tracked files below a folder, relative to it, that a sparse checkout leaves out."""
    root = repository_around(folder)
    if root is None:
        return frozenset()
    try:
        _check_trust(root)
        lines = _names(_outcome(_start(root, folder, "-t")))
    except GitRefused:
        return frozenset()
    return frozenset(line[2:] for line in lines if line.startswith("S "))


_IN_A_MERGE = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD")
"""Files that name the commits of the other side while a merge is not done."""

_AFTER_A_MERGE = ("AUTO_MERGE", "SQUASH_MSG")
"""Files that others leave: `git merge --squash`, `git stash pop`."""


def sides_of_merge(folder: str, path: str) -> tuple[bytes, ...]:
    """The content of a file, by its path below a folder, on each side of a merge, a rebase or a
    cherry-pick that is under way; nothing where none is."""
    root = repository_around(folder)
    if root is None:
        return ()
    own = _git_folder(root)
    named = [name for each in _IN_A_MERGE for name in _commits_in(os.path.join(own, each))]
    left = any(os.path.isfile(os.path.join(own, each)) for each in _AFTER_A_MERGE)
    if not named and not left:
        return ()
    place = f"{path_in_repository(folder)}{path}"
    found = []
    for name in (*(f"{each}:" for each in ("HEAD", *named)), ":1:", ":2:", ":3:"):
        with suppress(GitRefused):
            found.append(start_asking(folder, ("cat-file", "blob", f"{name}{place}"))())
    return tuple(found)


def _commits_in(path: str) -> list[str]:
    """Several of a merge of more than two."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = file.read(_LONGEST).splitlines()
    except OSError:
        return []
    return [line for line in lines if re.fullmatch(r"[0-9a-f]{40,64}", line)][:_MOST_SIDES]


_MOST_SIDES = 20


def origin(folder: str) -> str | None:
    """The URL that the repository around a folder was cloned from, if Git says one."""
    root = repository_around(folder)
    if root is None:
        return None
    try:
        _check_trust(root)
        url = _printed(_outcome(_start(root, folder, command=("remote", "get-url", "origin"))))
    except GitRefused:
        return None
    return url.decode("utf-8", "replace").strip()


def commit_time(folder: str) -> str | None:
    """When the commit that is checked out was made, in RFC 3339; None where there is none."""
    try:
        asked = start_asking(folder, ("log", "-1", "--no-show-signature", "--format=%cI"))()
    except GitRefused:
        return None
    return asked.decode("ascii", "replace").strip() or None


def start_asking(folder: str, command: Sequence[str], given: bytes = b"") -> Callable[[], bytes]:
    """Has Git answer something of the repository around a folder; what is returned waits for it.

    `given` is its standard input. What is returned raises GitRefused, also outside a repository.
    """
    root = repository_around(folder)
    if root is None:
        return _refused(GitRefused("the folder is in no Git repository"))
    try:
        _check_trust(root)
    except GitRefused as error:
        return _refused(error)
    running = _start(root, root, command=command, is_asked=bool(given))
    return lambda: _printed(_outcome(running, given or None))


def commit_of(folder: str, revision: str) -> str:
    """The name of the commit that a revision means. Raises GitRefused."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        return start_asking(folder, asked)().decode().strip()
    except GitRefused as error:
        raise GitRefused(str(error) or f"it has no commit `{revision}`") from None


def has_commits(folder: str) -> bool:
    """Raises GitRefused, also outside a repository."""
    return bool(start_asking(folder, ("rev-list", "--max-count=1", "--all"))())


def path_in_repository(folder: str) -> str:
    """A folder's path in the repository around it, with `/` at its end, or nothing for its root."""
    root = repository_around(folder) or folder
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(root))
    return "" if below == "." else f"{below}/"


_BLOCK = 1024 * 1024


class CommittedFile(NamedTuple):
    """A file of a commit: its mode as Git writes it, the name of its content, its size in bytes."""

    mode: str
    blob: str
    size: int


class Commit:
    """The files of one commit, of the whole repository; contents are asked for one by one.

    A filter (LFS, say) is not run: such a file's content is its pointer.
    """

    def __init__(self, files: Mapping[str, CommittedFile], reader: subprocess.Popen[bytes]) -> None:
        self.files = files
        self._reader = reader

    def content(self, file: CommittedFile, most: int | None = None) -> bytes:
        """Not more than so many of its first bytes. Raises GitRefused."""
        asking, answers = self._reader.stdin, self._reader.stdout
        assert asking is not None
        assert answers is not None
        try:
            asking.write(f"{file.blob}\n".encode())
            asking.flush()
            head = answers.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                raise GitRefused("it is not in the repository, or the clone is partial")
            size = int(head[2])
            content = answers.read(size if most is None else min(most, size))
            rest = size - len(content) + 1  # with the line end
            while rest > 0 and (skipped := answers.read(min(rest, _BLOCK))):
                rest -= len(skipped)
        except OSError as error:
            raise GitRefused(str(error)) from None
        return content


@contextmanager
def open_commit(
    folder: str, revision: str, objects: str | None = None
) -> Iterator[tuple[Commit, str]]:
    """The commit (or a tree) that a revision names in the repository around a folder; and the
    folder's path in it, with `/` at its end, or nothing for the root. `objects` is a folder with
    more of Git's objects. Raises GitRefused."""
    root = repository_around(folder)
    if root is None:
        raise GitRefused("the folder is in no Git repository")
    _check_trust(root)
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{tree}}")
    found = _outcome(_start(root, root, command=asked, objects=objects))
    if isinstance(found, GitRefused):
        raise GitRefused(f"it has no commit `{revision}`")
    name = found.decode().strip()
    listed = ("ls-tree", "-r", "-l", "-z", "--full-tree", name)
    files = {}
    for line in _names(_outcome(_start(root, root, command=listed, objects=objects))):
        about, _, path = line.partition("\t")
        mode, kind, blob, size = about.split()
        if kind == "blob":  # and no submodule
            files[path] = CommittedFile(mode, blob, int(size))
    batch = ("cat-file", "--batch")
    reader = _start(root, root, command=batch, is_asked=True, objects=objects)
    if isinstance(reader, OSError):
        raise GitRefused(str(reader))
    with reader:
        try:
            yield Commit(files, reader), path_in_repository(folder)
        finally:
            reader.kill()


class Merge(NamedTuple):
    """What merging two commits comes to: the name of its tree, and the paths in conflict, which
    have markers there. `objects` is a folder with what Git has made for it, outside of the
    repository."""

    tree: str
    conflicts: tuple[str, ...]
    objects: str


@contextmanager
def merged(folder: str, base: str, head: str) -> Iterator[Merge]:
    """Two commits merged without a working tree, and without a merge driver. Raises GitRefused:
    before Git 2.38, and where they have no common commit."""
    root = repository_around(folder)
    if root is None:
        raise GitRefused("the folder is in no Git repository")
    _check_trust(root)
    import tempfile  # which takes its time to import, for this alone

    base, head = commit_of(folder, base), commit_of(folder, head)
    with tempfile.TemporaryDirectory(prefix="gitopsc-") as objects:
        command = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, head)
        settings = _without_drivers(root)
        running = _start(root, objects, command=command, settings=settings, objects=objects)
        if isinstance(running, OSError):
            raise GitRefused(str(running))
        with running:
            out, err = running.communicate(timeout=60)
        if running.returncode not in (0, 1):
            words = err.decode("utf-8", "replace").strip().split("\n")[0].removeprefix("fatal: ")
            raise GitRefused(words or "Git does not merge them")
        tree, *conflicts = out.decode("utf-8", "replace").split("\0")
        found = dict.fromkeys(each for each in conflicts if each)
        yield Merge(tree.strip(), tuple(found), objects)


def merge_base(folder: str, one: str, other: str) -> str:
    """The commit where two have parted. Raises GitRefused."""
    asked = ("merge-base", commit_of(folder, one), commit_of(folder, other))
    try:
        return start_asking(folder, asked)().decode().strip()
    except GitRefused as error:
        words = str(error) or "they have no commit in common, or the clone is shallow"
        raise GitRefused(words) from None


Running = subprocess.Popen[bytes] | OSError

_NO_PROGRAMS = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "protocol.ext.allow=never"),
)
_ONLY_NAMED = ("-c", "safe.bareRepository=explicit")
_VERSION_ASKED = "--config-env=gitopsc.empty=GITOPSC_EMPTY"
"""An option that Git has from 2.31 on: an older one refuses it, and could not be kept from running
filters with names of any form."""


def _start(
    root: str,
    folder: str,
    *options: str,
    command: Sequence[str] = ("ls-files", "-z"),
    settings: Mapping[str, str] = {},
    is_asked: bool = False,
    objects: str | None = None,
) -> Running:
    """`objects` is where new objects go to, beside those of the repository; then the working tree
    is an empty one, so that no attribute of a file is known."""
    environment = _environment(settings)
    environment["GIT_DIR"] = _git_folder(root)
    environment["GIT_WORK_TREE"] = root if objects is None else objects
    if objects is not None:
        known = os.path.join(_common_folder(root), "objects")
        environment |= {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": known}
        environment["GIT_INDEX_FILE"] = os.path.join(objects, "no-index")
        return _started([*command, *options], folder, environment, is_asked=is_asked)
    if index := _index_of_hook(root):
        environment["GIT_INDEX_FILE"] = index
    return _started([*command, *options], folder, environment, is_asked=is_asked)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """A hook runs with GIT_DIR and more of its own repository, which may not be this one.

    `settings` go before all configuration, whatever characters their names have.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    kept |= {"LC_ALL": "C", "GITOPSC_EMPTY": "", "GIT_CONFIG_COUNT": str(len(settings))}
    kept["GIT_ALLOW_PROTOCOL"] = "none"  # a partial clone would fetch, by a program of its choice
    for number, (name, value) in enumerate(settings.items()):
        kept |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return kept


def _started(
    command: Sequence[str], folder: str, environment: Mapping[str, str], *, is_asked: bool = False
) -> Running:
    """`is_asked` says that more is written to it."""
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            ["git", *_NO_PROGRAMS, *_ONLY_NAMED, _VERSION_ASKED, *command],
            cwd=folder,
            env=environment,
            stdin=pipe if is_asked else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )
    except OSError as error:
        return error


def _outcome(running: Running, given: bytes | None = None) -> bytes | GitRefused:
    """What Git printed, or why it did not; `given` is what it reads."""
    if isinstance(running, OSError):
        return GitRefused(str(running))
    with running:
        try:
            out, err = running.communicate(given, timeout=60)
        except subprocess.TimeoutExpired as error:
            running.kill()
            return GitRefused(str(error))
    if running.returncode == 0:
        return out
    words = err.decode("utf-8", "replace").strip().split("\n")[0].removeprefix("fatal: ")
    if "unknown option" in words:
        words = "it is older than 2.31, and gitopsc needs that or a newer one"
    if words.startswith("not a git repository"):
        words = "`.git` is not a repository"
    return GitRefused(words)


def _printed(outcome: bytes | GitRefused) -> bytes:
    if isinstance(outcome, GitRefused):
        raise outcome
    return outcome


def _names(outcome: bytes | GitRefused) -> list[str]:
    listed = _printed(outcome)
    try:
        return listed.decode("utf-8").split("\0")[:-1]
    except UnicodeDecodeError:
        decoded = (_decoded(raw) for raw in listed.split(b"\0"))
        return [name for name in decoded if name]


def _without_filters(root: str, folder: str) -> Mapping[str, str]:
    """Settings with which Git compares bytes, and runs none of the filters that are configured."""
    asked = ("config", "--null", "--name-only", "--list")
    names = _names(_outcome(_start(root, folder, command=asked)))
    drivers = {name.rpartition(".")[0] for name in names if name.startswith("filter.")}
    settings = {f"{each}.{key}": "" for each in sorted(drivers) for key in ("clean", "process")}
    return settings | {f"{each}.required": "false" for each in sorted(drivers)}


def _without_drivers(root: str) -> Mapping[str, str]:
    """Settings with which Git runs none of the merge drivers that are configured: what one would
    merge is a conflict."""
    asked = ("config", "--null", "--name-only", "--list")
    names = _names(_outcome(_start(root, root, command=asked)))
    drivers = {name for name in names if name.startswith("merge.") and name.endswith(".driver")}
    return {"core.attributesFile": os.devnull} | dict.fromkeys(sorted(drivers), "false")


def _check_trust(root: str) -> None:
    """Raises GitRefused for a repository of another user that no setting of Git trusts.

    Git itself does not look at that where the repository is named.
    """
    if all(is_own(os.stat(each)) for each in (root, os.path.join(root, ".git"))):
        return
    environment = _environment({}) | {"GIT_CEILING_DIRECTORIES": os.path.dirname(root)}
    _printed(_outcome(_started(["rev-parse", "--git-dir"], root, environment)))


def _index_of_hook(root: str) -> str | None:
    """The index that `git commit` makes for some of the files, when it is of this repository."""
    named = os.environ.get("GIT_INDEX_FILE")
    path = os.path.realpath(named) if named else ""
    inside = path.startswith(_git_folder(root) + os.sep)
    return path if inside and os.path.isfile(path) else None


_LONGEST = 10_000
"""Characters of a `.git` that is a file."""


def _git_folder(root: str) -> str:
    """Where Git keeps what is of this working tree; a linked one has a file that says where."""
    place = os.path.join(root, ".git")
    if os.path.isfile(place):
        with open(place, encoding="utf-8", errors="replace") as file:
            named = file.read(_LONGEST).removeprefix("gitdir:").strip()
        place = os.path.join(root, named)
    return os.path.realpath(place)


def _common_folder(root: str) -> str:
    """Where all working trees of a repository keep what they share."""
    own = _git_folder(root)
    try:
        with open(os.path.join(own, "commondir"), encoding="utf-8", errors="replace") as file:
            return os.path.realpath(os.path.join(own, file.read(_LONGEST).strip()))
    except OSError:
        return own


def repository_around(folder: str) -> str | None:
    """The nearest folder around it, or itself, that holds a `.git`."""
    folder = os.path.abspath(folder)
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


# The door for `lock`: GitPython, which takes seventy times as long to import


_SECONDS = 300
"""The longest that one question to a remote repository may take."""

_ASKED = """#!/bin/sh
case "$1" in
  "Username for 'https://$GITOPSC_HOST'"*) printf '%s\\n' "$GITOPSC_USERNAME" ;;
  "Password for 'https://"*"@$GITOPSC_HOST'"*) printf '%s\\n' "$GITOPSC_PASSWORD" ;;
  *) exit 1 ;;
esac
"""
"""A server may send Git on to another host, which is told nothing."""

_KEPT_VARIABLES = (
    *("GIT_ASKPASS", "GIT_CONFIG_", "GIT_PASSWORD", "GIT_PROXY_", "GIT_SSH", "GIT_SSL_"),
    *("GIT_TOKEN", "GIT_USERNAME"),
)


class RemoteRefused(Exception):
    """A remote repository does not give what was asked for; the message is for people."""


TOKEN_HOSTS = "GIT_TOKEN_HOSTS"
"""The variable with hosts, besides that of `origin`, that are given credentials."""


def has_credentials() -> bool:
    """Whether the user has set any for Git over HTTPS."""
    return bool(os.environ.get("GIT_TOKEN") or os.environ.get("GIT_PASSWORD"))


def token_hosts(folder: str) -> frozenset[str]:
    """The hosts that the user has said may have the credentials: descriptors name any host.

    They are the one that the repository around `folder` was cloned from, and those of the variable.
    """
    from gitopsc.model.remote import host_of_clone

    named = re.split(r"[\s,]+", os.environ.get(TOKEN_HOSTS, "").lower())
    cloned = host_of_clone(origin(folder) or "")
    return frozenset({*named, cloned or ""} - {""})


@contextmanager
def remote_repository(url: str, *, with_credentials: bool) -> Iterator[RemoteRepository]:
    """A repository of no files yet, into which commits of `url` are fetched."""
    import tempfile

    with (
        _without_repository_of_hook(),
        tempfile.TemporaryDirectory(prefix="gitopsc-") as folder,
    ):
        try:
            import git
        except ImportError:  # which is how GitPython says that there is no `git`
            raise RemoteRefused("Git is not on this machine") from None

        repository = git.Repo.init(os.path.join(folder, "repository.git"), bare=True)
        try:
            with repository.git.custom_environment(
                **_remote_environment(url, folder, with_credentials)
            ):
                yield RemoteRepository(url, repository)
        finally:
            repository.close()


@contextmanager
def _without_repository_of_hook() -> Iterator[None]:
    """A hook's variables name a repository that Git would write to; GitPython passes all on."""
    hidden = {
        key: os.environ.pop(key)
        for key in list(os.environ)
        if key.startswith("GIT_") and not key.startswith(_KEPT_VARIABLES)
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


class RemoteRepository:
    def __init__(self, url: str, repository: git.Repo) -> None:
        self.url = url
        self.repository = repository

    def resolve(self, ref: str | None) -> str:
        """The commit that a branch, a tag or a commit is now; without one, the default branch."""
        from gitopsc.model.remote import COMMIT

        lines = self._asked("ls-remote", "--", self.url).splitlines()
        parts = (line.partition("\t") for line in lines)
        found = {name: commit for commit, _, name in parts}
        if ref is None:
            wanted = ["HEAD"]
        else:
            wanted = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"]
        commit = next((found[name] for name in wanted if name in found), None)
        if commit is None and ref is not None and COMMIT.fullmatch(ref):
            return str(ref)
        if commit is None:
            known = [name.split("/", 2)[2] for name in found if name.startswith("refs/heads/")]
            shown = ", ".join(f"`{each}`" for each in sorted(known)[:10])
            what = f"no branch or tag `{ref}`" if ref else "no default branch"
            raise RemoteRefused(f"it has {what}" + (f"; its branches are {shown}" if shown else ""))
        return str(commit)

    def files(self, commit: str, most: int, size: int) -> Iterator[tuple[str, str, bytes]]:
        """Path, mode and content of each file; a link's content is where it leads to.

        A submodule has the mode `160000`. Not more than `most` of them, nor `size` bytes in all.
        """
        self._fetch(commit)
        try:
            blobs = self._blobs(commit, most, size)
        except self._errors():
            raise RemoteRefused("it holds a name that no file can have") from None
        for each in blobs:
            try:
                str(each.path).encode()
            except UnicodeEncodeError:
                raise RemoteRefused("the name of a file in it is not text") from None
            content = each.data_stream.read() if each.type == "blob" else b""
            yield str(each.path), f"{each.mode:06o}", content

    def _blobs(self, commit: str, most: int, size: int) -> list[Any]:
        """They are counted while they are walked: a tree of a few bytes may unfold to millions."""
        blobs: list[Any] = []
        bytes_, folders = 0, 0
        waiting = [self.repository.commit(commit).tree]
        while waiting:
            for each in waiting.pop():
                if each.type == "tree":
                    folders += 1
                    waiting.append(each)
                else:
                    blobs.append(each)
                    bytes_ += each.size if each.type == "blob" else 0
                if len(blobs) + folders > most:
                    raise RemoteRefused(f"it has over {most:,} files, and no more are taken")
                if bytes_ > size:
                    raise RemoteRefused(
                        f"its files have over {size:,} bytes, and no more are taken"
                    )
        return sorted(blobs, key=lambda each: str(each.path))

    def _fetch(self, commit: str) -> None:
        """The one commit where the server lets others than branches be asked for; else all."""
        try:
            self._asked("fetch", "--depth=1", "--no-tags", "--", self.url, commit)
        except RemoteRefused:
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            self._asked("fetch", "--no-tags", "--", self.url, *refs)
        try:
            self.repository.git.cat_file("-e", f"{commit}^{{commit}}")
        except self._errors():
            raise RemoteRefused(f"it has no commit `{commit}`") from None

    def _asked(self, *command: str) -> str:
        slow = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"]
        safe = ["git", *_NO_PROGRAMS, *slow, *command]
        try:
            return str(self.repository.git.execute(safe, kill_after_timeout=_SECONDS))
        except self._errors() as error:
            raise RemoteRefused(_last_words(str(getattr(error, "stderr", error)))) from None

    @staticmethod
    def _errors() -> tuple[type[Exception], ...]:
        import git

        return (git.GitError, OSError, ValueError)


def _remote_environment(url: str, folder: str, with_credentials: bool) -> dict[str, str]:
    """Never a question at a terminal. Credentials are the platform's (digitalhub.md 1.1).

    They are for HTTPS alone, and reach Git by a program that it asks, so they are in no command.
    """
    environment = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if not {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys():
        environment["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=30"
    token = os.environ.get("GIT_TOKEN", "")
    username, password = os.environ.get("GIT_USERNAME", ""), os.environ.get("GIT_PASSWORD", "")
    if token:
        is_oauth = token.startswith(("github_pat_", "ghp_", "glpat"))
        username, password = ("oauth2", token) if is_oauth else (token, "x-oauth-basic")
    if with_credentials and password and url.startswith("https://"):
        asked = os.path.join(folder, "asked")
        with open(os.open(asked, os.O_WRONLY | os.O_CREAT, 0o700), "w") as file:
            file.write(_ASKED)
        environment |= {
            "GITOPSC_HOST": url.removeprefix("https://").partition("/")[0],
            "GIT_ASKPASS": asked,
            "GITOPSC_USERNAME": username,
            "GITOPSC_PASSWORD": password,
        }
    return environment


def _last_words(text: str) -> str:
    """What Git said last of its own accord, on one line."""
    lines = [re.sub(r"^\W*(stderr: \W*)?", "", line).rstrip(" '\"") for line in text.splitlines()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
    words = (told or [line for line in lines if line] or ["it does not answer"])[0]
    return re.sub(r"^(fatal|error|remote): ", "", words).rstrip(".")[:300]
