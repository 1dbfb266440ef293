"""Text -> the credentials in it whose format gives them away, by the rules of detect-secrets.

The library is imported only for a text that holds what one of its formats begins with: nearly none.
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from typing import Any, NamedTuple

PRIVATE_KEY = "a private key"
_MORE = {
    PRIVATE_KEY: r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "a token of GitHub": r"github_pat_[A-Za-z0-9_]{82}",
    "a token of Hugging Face": r"\bhf_[A-Za-z]{34}\b",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}(?![\w-])",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a key of Anthropic": r"\bsk-ant-[a-z0-9]+-[\w-]{80,}",
    "a key of OpenAI": r"\bsk-(?:proj|svcacct|admin)-[\w-]{40,}",
    "a token of Docker": r"\bdckr_(?:pat|oat)_[\w-]{27,}",
    "a token of DigitalOcean": r"\bdo[oprt]_v1_[a-f0-9]{64}\b",
    "a token of Databricks": r"\bdapi[a-f0-9]{32}(?:-\d)?\b",
    "a key of Stripe": r"\b(?:sk|rk)_live_[0-9A-Za-z]{24,}|\bwhsec_[0-9A-Za-z]{32,}",
}
"""What the library does not know, or knows in an older form only."""

_BEGINNINGS = (
    *("AKIA", "ASIA", "ABIA", "ACCA", "A3T", "aws", "AWS", "AccountKey=", "ghp_", "gho_", "ghu_"),
    *("ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941"),
    *("glcbt-", "glimt-", "glptt-", "glagent-", "gloas-", "eyJ", "_authToken", "npm_", "sk-"),
    *("pypi-", "SG.", "xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", "hooks.slack"),
    *("k_live_", "whsec_", "PRIVATE KEY", "PuTTY", "AGE-SECRET", "hf_", "AIza", "dckr_", "_v1_"),
    *("dapi", "sq0csp-"),
)
_BASIC_AUTH = re.compile(r"://[^\s/@:]*:[^\s/@]+@")


class Credential(NamedTuple):
    """What it is, where it stands in the text, and whether its own checksum proves it."""

    what: str
    start: int
    end: int
    is_proven: bool = False


def credentials_in(text: str) -> tuple[Credential, ...]:
    """In their order; nearly every text has none, and costs some searches for short strings."""
    if not may_hold_credentials(text):
        return ()
    found: dict[tuple[int, int], Credential] = {}
    for what, pattern in _patterns():
        for match in pattern.finditer(text):
            known = Credential(what, *match.span(), _is_proven(what, match[0]))
            found.setdefault(match.span(), known)
    return tuple(found[place] for place in sorted(found))


def may_hold_credentials(text: str) -> bool:
    """Whether one of the formats may begin in it."""
    return any(each in text for each in _BEGINNINGS) or (
        "://" in text and "@" in text and bool(_BASIC_AUTH.search(text))
    )


def _is_proven(what: str, text: str) -> bool:
    """A private key says what it is; six digits at the end of some tokens are a checksum."""
    if what == PRIVATE_KEY:
        return True
    match = re.fullmatch(r"(?:gh[opsur]|npm)_([A-Za-z0-9]{30})([A-Za-z0-9]{6})", text)
    return match is not None and _base62(zlib.crc32(match[1].encode())) == match[2]


def _base62(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    found = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        found = digits[rest] + found
    return found


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    from detect_secrets.plugins import (
        aws,
        azure_storage_key,
        basic_auth,
        github_token,
        gitlab_token,
        jwt,
        npm,
        openai,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
    )

    known: dict[str, Any] = {
        "an access key of AWS": aws.AWSKeyDetector,
        "a storage key of Azure": azure_storage_key.AzureStorageKeyDetector,
        "a URL with a password": basic_auth.BasicAuthDetector,
        "a token of GitHub": github_token.GitHubTokenDetector,
        "a token of GitLab": gitlab_token.GitLabTokenDetector,
        "a JSON Web Token": jwt.JwtTokenDetector,
        "a token of npm": npm.NpmDetector,
        "a key of OpenAI": openai.OpenAIDetector,
        "a token of a package index": pypi_token.PypiTokenDetector,
        "a key of SendGrid": sendgrid.SendGridDetector,
        "a token of Slack": slack.SlackDetector,
        "a secret of Square": square_oauth.SquareOAuthDetector,
        "a key of Stripe": stripe.StripeDetector,
    }
    more = [(what, re.compile(pattern)) for what, pattern in _MORE.items()]
    return (*more, *((what, each) for what, rule in known.items() for each in rule.denylist))
