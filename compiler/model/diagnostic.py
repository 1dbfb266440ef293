"""A problem in somebody's input, as a value: code, sentence, place, hint, related places.

Codes are declared here once, by stage (C1xx scan, C2xx parse, C3xx validate, C4xx link, C5xx plan,
C6xx lock, C7xx write, C8xx policies), and never used again for something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import NamedTuple

from gitopsc.model.credentials import masked
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span

_LONGEST_MESSAGE = 2_000
"""Characters: more are no sentence, and take long to look through for secrets."""


class Severity(str, Enum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(NamedTuple):
    """A kind of problem: its id, its name, how bad it is, and a sentence of what it means."""

    id: str
    slug: str
    severity: Severity
    summary: str


class Label(NamedTuple):
    """A second place that explains a problem."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. `message` is one sentence in lower case without a full stop.

    What stands at the place of a `private` one is shown to nobody. `allowed` is why the settings
    let it pass; it is a note then. `fix` is what puts it right without a thought.
    """

    code: Code
    message: str
    span: Span
    hint: str | None = None
    related: tuple[Label, ...] = ()
    private: bool = False
    allowed: str | None = None
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        return self.code.severity if self.allowed is None else Severity.NOTE

    @property
    def places(self) -> tuple[Span, ...]:
        """All that are told: its own, and the related ones."""
        return (self.span, *(label.span for label in self.related))

    def __post_init__(self) -> None:
        """Whoever prints or keeps it, no secret of an input is in it."""
        message = self.message
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        object.__setattr__(self, "message", masked(message))
        if self.hint is not None:
            object.__setattr__(self, "hint", masked(self.hint[:_LONGEST_MESSAGE]))


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

UNREADABLE = Code("C101", "unreadable-file", _ERROR, "a file cannot be read")
NO_REPOSITORY = Code(
    "C102", "no-repository", _WARNING, "the folder is in no Git repository, so every file is read"
)
GIT_REFUSED = Code("C104", "git-refused", _ERROR, "Git will not say which files are the project's")
LINK_OUTSIDE = Code(
    "C106", "link-outside", _ERROR, "a link to a file outside the folder, which others do not have"
)
BROKEN_LINK = Code("C105", "broken-link", _WARNING, "a link that leads to no file of the folder")
IGNORED_OUTPUT = Code(
    "C107", "ignored-output", _WARNING, "a file that gitopsc writes and Git ignores"
)
NO_PROJECT = Code("C108", "no-project", _ERROR, "a folder with neither a project nor a descriptor")
HIDDEN_FILES = Code(
    "C109", "hidden-files", _ERROR, "a sparse checkout leaves out a part of the project"
)
NO_DESCRIPTORS = Code("C103", "no-descriptors", _WARNING, "a project without a descriptor")

NOT_YAML = Code("C201", "not-yaml", _ERROR, "a file with descriptors is not valid YAML or JSON")
NOT_UTF8 = Code("C202", "not-utf8", _ERROR, "a file with descriptors is not UTF-8 text")
DUPLICATE_KEY = Code("C203", "duplicate-key", _ERROR, "a mapping has one key twice")
REPEATED_KEY = Code("C208", "repeated-key", _WARNING, "a key that is there twice, with one value")
NOT_JSON_VALUE = Code(
    "C204", "not-a-json-value", _ERROR, "YAML can say it, but a descriptor cannot hold it"
)
BAD_ALIAS = Code("C205", "bad-alias", _ERROR, "an alias refers to itself or expands too far")
TOO_LARGE_FILE = Code("C207", "too-large-file", _ERROR, "a file too large to hold descriptors")
TOO_DEEP = Code("C206", "too-deep", _ERROR, "values are nested deeper than a descriptor needs")

UNKNOWN_KIND = Code("C301", "unknown-kind", _ERROR, "a kind that is almost one of ours")
UNKNOWN_KEY = Code("C302", "unknown-key", _ERROR, "a key that the schema does not have")
MISSING_KEY = Code("C303", "missing-key", _ERROR, "a key that the schema requires is not there")
WRONG_TYPE = Code("C304", "wrong-type", _ERROR, "a value has another type than the schema says")
WRONG_VALUE = Code("C305", "wrong-value", _ERROR, "a value that the schema does not allow")
FOREIGN_KIND = Code("C306", "foreign-kind", _WARNING, "a descriptor that is left alone")
STRAY_KEY = Code("C307", "stray-key", _WARNING, "a key that nothing reads")
RETIRED_KEY = Code("C308", "retired-key", _WARNING, "a key of an older dialect")
NOT_SUPPORTED = Code(
    "C309", "not-supported", _ERROR, "a valid descriptor that this version cannot compile"
)
BAD_SETTINGS = Code("C310", "bad-settings", _ERROR, "settings that contradict each other")
BAD_PROJECT_NAME = Code("C311", "bad-project-name", _ERROR, "a project's name breaks the rules")
ALMOST_DESCRIPTOR = Code(
    "C313", "almost-descriptor", _WARNING, "a document that would be a descriptor but for one key"
)
INSIDE_PROJECT = Code(
    "C314", "inside-project", _ERROR, "a folder of a project is compiled as if it were one"
)
ORPHANED_OUTPUT = Code(
    "C315", "orphaned-output", _WARNING, "an output folder that no project writes any more"
)
MLRUN_PROJECT = Code("C316", "mlrun-project", _ERROR, "a project file of MLRun")
MISSING_REF = Code(
    "C317", "missing-ref", _ERROR, "a project's file refers to a descriptor that is not here"
)
REMOTE_REF = Code(
    "C318", "remote-ref", _WARNING, "a project's file refers to a descriptor on a platform"
)
NO_CRON = Code("C319", "no-cron", _ERROR, "a schedule that a CronJob cannot have")
LOSSY_CRON = Code(
    "C320", "lossy-cron", _WARNING, "a schedule that means something else on the platform"
)
NO_WATCH = Code("C321", "no-watch", _WARNING, "a trigger for data that no run here makes")
LITERAL_CREDENTIAL = Code(
    "C323", "literal-credential", _ERROR, "a password, a token or a key, written out"
)
TELLING_NAME = Code(
    "C324", "telling-name", _WARNING, "a value under a name that says it is a secret"
)
CREDENTIAL_IN_SOURCE = Code(
    "C325", "credential-in-source", _WARNING, "a source that goes into an image with a credential"
)
UNUSED_ALLOWANCE = Code(
    "C326", "unused-allowance", _WARNING, "an entry of `allow` that lets nothing pass"
)
OUT_OF_RANGE = Code(
    "C327", "out-of-range", _ERROR, "a value, or a number of them, above or below what is allowed"
)
SET_TWICE = Code("C328", "set-twice", _ERROR, "one name that has two values")
UNFIT_VALUE = Code(
    "C329", "unfit-value", _ERROR, "a value that the schema allows, but not in this place"
)
NOT_TRANSCRIBED = Code(
    "C330", "not-transcribed", _WARNING, "a part of a notebook that reading alone does not tell"
)
NOT_A_NOTEBOOK = Code(
    "C331", "not-a-notebook", _ERROR, "a file that no functions can be imported from"
)
COMPLETED_RUN = Code(
    "C322", "completed-run", _WARNING, "jobs that a platform has done, and that run again here"
)
UNOWNED = Code("C312", "unowned", _WARNING, "a descriptor outside every project is left alone")

UNKNOWN_FUNCTION = Code("C401", "unknown-function", _ERROR, "a function that no one defines")
DEFINED_TWICE = Code("C402", "defined-twice", _ERROR, "two descriptors have one identity")
UNKNOWN_TASK = Code("C403", "unknown-task", _WARNING, "a task that is not here")
OTHER_PROJECT = Code("C404", "other-project", _ERROR, "a reference into another project")
BAD_REFERENCE = Code("C405", "bad-reference", _ERROR, "a reference that is not of the right form")
UNKNOWN_INPUT = Code(
    "C406", "unknown-input", _ERROR, "data that no run produces and no descriptor declares"
)
UNKNOWN_DATA = Code(
    "C407", "unknown-data", _WARNING, "a `store://` string that leads to nothing known"
)
TWO_PRODUCERS = Code("C408", "two-producers", _ERROR, "two runs produce one thing")
CYCLE = Code("C409", "cycle", _ERROR, "runs that wait for each other in a circle")
SOURCE_MISSING = Code("C410", "source-missing", _ERROR, "a function's source is not there")
SOURCE_OUTSIDE = Code(
    "C411", "source-outside", _ERROR, "a function's source is outside its project"
)
BAD_INLINE_SOURCE = Code(
    "C412", "bad-inline-source", _ERROR, "inline source that cannot be decoded"
)
UNKNOWN_HANDLER = Code(
    "C413", "unknown-handler", _ERROR, "a handler or init that the source does not define"
)
HANDLER_MISFIT = Code(
    "C414", "handler-misfit", _ERROR, "parameters and inputs that a handler does not take"
)
PARAMETERS_TO_INIT = Code(
    "C415", "parameters-to-init", _WARNING, "a service's parameters go to its init function"
)
MADE_ELSEWHERE = Code(
    "C417", "made-elsewhere", _WARNING, "a run in a cluster reads what only a laptop makes"
)
NOT_BUILT = Code("C422", "not-built", _WARNING, "a part of a build that makes nothing")
OVERRULED = Code("C418", "overruled", _WARNING, "a key of a run that its function overrules")
NOT_COPIED = Code(
    "C419", "not-copied", _WARNING, "a module or a file that the source does not bring"
)
BAD_REQUIREMENT = Code("C420", "bad-requirement", _ERROR, "a requirement that pip would not take")
LARGE_SOURCE = Code("C423", "large-source", _ERROR, "a source that is larger than code is")
WHOLE_SOURCE = Code(
    "C424", "whole-source", Severity.NOTE, "a folder of which a function may use any file"
)
UNKNOWN_PROFILE = Code("C421", "unknown-profile", _ERROR, "a profile that no settings define")
RUNS_ONCE = Code(
    "C425",
    "runs-once",
    _WARNING,
    "a job that runs once, and reads what a schedule makes again and again",
)
GLOBAL_DATA = Code(
    "C426",
    "global-data",
    Severity.NOTE,
    "an init function that keeps data where its service cannot replace it",
)
RESTART_GAP = Code(
    "C427", "restart-gap", _WARNING, "a service that restarts, and has no second replica"
)
NOT_COVERED = Code(
    "C428", "not-covered", _WARNING, "a call of the platform's SDK that the runner does not have"
)
PLATFORM_IMAGE = Code(
    "C429", "platform-image", _WARNING, "an image that a platform has built, with its own runner"
)
UNMADE_OUTPUT = Code(
    "C430", "unmade-output", _WARNING, "an output that nothing in the handler's source names"
)
UNMET_IMPORT = Code(
    "C431", "unmet-import", _WARNING, "an import of a module that nothing required has"
)
UNKNOWN_SCHEME = Code("C432", "unknown-scheme", _WARNING, "a URL that no driver is known for")
DATA_AS_TEXT = Code(
    "C433", "data-as-text", _WARNING, "a parameter that its handler opens as if it were an input"
)
UNKNOWN_RUN = Code("C434", "unknown-run", _ERROR, "settings of a run that is not there")
UNKNOWN_ENVIRONMENT = Code(
    "C435", "unknown-environment", _ERROR, "an environment that the settings do not have"
)
NOT_HERE = Code(
    "C436", "not-here", _ERROR, "a run in an environment without a run whose data it reads"
)
UNMATCHED_PATCH = Code("C437", "unmatched-patch", _ERROR, "a patch of an object that is not made")
PATCH_MISFIT = Code(
    "C438", "patch-misfit", _ERROR, "a patch that makes what Kubernetes does not have"
)
PATCH_OF_IDENTITY = Code(
    "C439", "patch-of-identity", _ERROR, "a patch of what an object is known by"
)
UNCALLED_INIT = Code("C440", "uncalled-init", _WARNING, "an init function that nothing calls")
LOOSENED_POD = Code(
    "C441", "loosened-pod", _WARNING, "a patch that takes pods out of the restricted standard"
)
UNUSED_TASK = Code("C442", "unused-task", _WARNING, "what runs have in common, without a run")
MISNAMED_REQUIREMENT = Code(
    "C443", "misnamed-requirement", _WARNING, "a requirement that is the name of a module"
)
UNASKED_SECRET = Code(
    "C444",
    "unasked-secret",
    _WARNING,
    "a Secret in the settings, under a name that nothing asks for",
)
UNNAMED_SECRET = Code(
    "C445", "unnamed-secret", _WARNING, "a secret that code asks for and its run does not name"
)
UNKNOWN_VERSION = Code("C416", "unknown-version", _WARNING, "a version that no descriptor has")

ONE_NAME = Code("C501", "one-name", _ERROR, "two names become one in the cluster or on disk")
BAD_NAME = Code("C502", "bad-name", _ERROR, "a name that a cluster cannot hold")
NO_REGISTRY = Code("C503", "no-registry", _WARNING, "images are named for this machine only")
TOO_LARGE = Code("C504", "too-large", _ERROR, "a run that does not fit into its pod or its object")

PLATFORM_REFUSES = Code(
    "C505", "platform-refuses", _WARNING, "a value that Kubernetes takes and the platform does not"
)
NEEDS_STORE = Code(
    "C507", "needs-store", _ERROR, "a run that shares data, and no store that its pods share"
)
NO_RECORD = Code(
    "C508", "no-record", Severity.NOTE, "jobs that run again when they are created again"
)
OVER_LIMIT = Code("C509", "over-limit", _ERROR, "a request that is larger than its limit")
MOUNT_CLASH = Code("C510", "mount-clash", _ERROR, "volumes that are in each other's way")
CLAIM_CONFLICT = Code(
    "C511", "claim-conflict", _ERROR, "runs that want one claim to be different things"
)
NEWER_KUBERNETES = Code(
    "C512", "newer-kubernetes", _WARNING, "something that newer clusters have, or have switched on"
)
ONE_NODE = Code("C514", "one-node", _WARNING, "pods that may share a claim on one node only")
TINY_AMOUNT = Code("C513", "tiny-amount", _WARNING, "memory or disk that nothing fits into")
HUGE_CPU = Code("C521", "huge-cpu", _WARNING, "more cores than a machine has")
CLOSED_OFF = Code(
    "C522", "closed-off", _WARNING, "a NetworkPolicy that keeps out whom a service is for"
)
NO_BUILDER = Code(
    "C515", "no-builder", _ERROR, "a build in the cluster that lacks an address or a registry"
)
LARGE_CONTEXT = Code(
    "C516", "large-context", _ERROR, "a source that does not fit into a ConfigMap for its build"
)
SUMMER_TIME = Code(
    "C518", "summer-time", _WARNING, "a schedule in the hours that summer time skips and repeats"
)
SERVER_SIDE = Code("C519", "server-side", _WARNING, "an object that only a server-side apply takes")
REFUSED_CHANGE = Code(
    "C520", "refused-change", _ERROR, "a change of an object that Kubernetes does not allow"
)
LOCAL_DATA = Code("C517", "local-data", _WARNING, "data at a path that no pod has")
OUTPUT_HOLDS_INPUT = Code(
    "C506", "output-holds-input", _ERROR, "a descriptor or a source lies in the output folder"
)

NOT_LOCKED = Code("C601", "not-locked", _ERROR, "what is fetched, and nothing pins it")
LOCK_MISMATCH = Code("C602", "lock-mismatch", _ERROR, "a pin of something else")
LOCK_EDITED = Code("C603", "lock-edited", _ERROR, "a block of the lock that gitopsc did not write")
NOT_FETCHED = Code("C604", "not-fetched", _ERROR, "a pinned source whose files are not here")
FETCH_FAILED = Code("C605", "fetch-failed", _ERROR, "a source that cannot be fetched")
BAD_ARCHIVE = Code("C606", "bad-archive", _ERROR, "an archive that no source can be taken from")
CREDENTIALS = Code("C607", "credentials", _ERROR, "a URL with a password or a token in it")
BAD_SOURCE_URL = Code("C608", "bad-source-url", _ERROR, "a URL that no source is fetched from")
LEFTOVER_PIN = Code("C609", "leftover-pin", _WARNING, "a pin that no function has any more")
UNRESOLVED = Code("C610", "unresolved", _ERROR, "requirements that no set of packages meets")
NOT_HASHED = Code("C611", "not-hashed", _WARNING, "requirements that cannot be locked by hashes")
LEFT_OUT = Code("C612", "left-out", _WARNING, "parts of a fetched source that are left out")

FOREIGN_FILE = Code("C701", "foreign-file", _ERROR, "a file in the way that is not ours")
BAD_OUTPUT = Code("C702", "bad-output", _ERROR, "an output folder that cannot be used")
NOT_WRITTEN = Code("C703", "not-written", _ERROR, "the machine refused a write")
BUSY = Code("C704", "busy", _ERROR, "another compile is writing the same output")

STALE_OUTPUT = Code(
    "C705", "stale-output", _ERROR, "a file of the output that is not what the descriptors say"
)

KEPT_FILE = Code(
    "C706",
    "kept-file",
    _WARNING,
    "a file that the list of owned files names, and that may not be ours",
)
UNKNOWN_OWNED = Code(
    "C707", "unknown-owned", _ERROR, "a line of the list of owned files that gitopsc did not write"
)

NO_DIGEST = Code("C801", "no-digest", _ERROR, "an image whose name says no digest")
FOREIGN_IMAGE = Code("C802", "foreign-image", _ERROR, "an image of a registry that is not allowed")
FOREIGN_BASE = Code("C803", "foreign-base", _ERROR, "a base image that is not allowed")
NOT_ASKED = Code("C804", "not-asked", _ERROR, "a run that asks for no amount of a resource")
MISSING_LABEL = Code("C805", "missing-label", _ERROR, "pods without a label that all must have")
OTHER_PULL_POLICY = Code("C806", "other-pull-policy", _ERROR, "pods with another pull policy")

LOCK_CODES = (NOT_LOCKED, LOCK_MISMATCH, LOCK_EDITED, NOT_FETCHED, LEFTOVER_PIN)
"""What `gitopsc lock` puts right."""

CODES: tuple[Code, ...] = tuple(
    sorted(value for value in list(globals().values()) if isinstance(value, Code))
)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, each once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda each: (each.span, each.code, each.message)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(each.severity is Severity.ERROR for each in diagnostics)


_MANY = 60


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """A hint with the nearest known word, if one is near.

    Of many words only those of about its length are compared: a hint is not worth a wait.
    """
    words = sorted(known)
    if len(words) > _MANY:
        words.sort(key=lambda each: (abs(len(each) - len(word)), each[:1] != word[:1], each))
    close = get_close_matches(word, words[:_MANY], n=1, cutoff=cutoff)
    return f"did you mean `{close[0]}`?" if close else None


def listed(words: Iterable[str], most: int = 20) -> str:
    """Words for a hint; the first of them when there are many."""
    names = list(words)
    return ", ".join(f"`{word}`" for word in names[:most]) + (", ..." if len(names) > most else "")
