"""A pod -> what of it the restricted Pod Security Standard does not allow.

https://kubernetes.io/docs/concepts/security/pod-security-standards
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}
_OF_NODES = ("hostNetwork", "hostPID", "hostIPC")
_PROFILES = ("RuntimeDefault", "Localhost")
_CAPABILITY = "NET_BIND_SERVICE"
"""The one that may be added."""


def loosenings(pod: Mapping[str, Any]) -> Iterator[str]:
    """`pod` is the spec of one, or of a template of Kubernetes' form. Fields, as people write
    them."""
    yield from (field for field in _OF_NODES if pod.get(field))
    for volume in pod.get("volumes") or ():
        for kind in volume.keys() - _VOLUMES - {"name"}:
            yield f"volumes of type `{kind}`"
    own = pod.get("securityContext") or {}
    if own.get("sysctls"):
        yield "sysctls"
    containers = [
        *(pod.get("containers") or ()),
        *(pod.get("initContainers") or ()),
        *(pod.get("ephemeralContainers") or ()),
    ]
    for container in containers:
        context = container.get("securityContext") or {}
        for field in _of_container(container, context, {**own, **context}):
            yield f"{field} of `{container.get('name')}`"


def _of_container(
    container: Mapping[str, Any], context: Mapping[str, Any], with_pod: Mapping[str, Any]
) -> Iterator[str]:
    """`context` is its own, `with_pod` with what it has from its pod."""
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if with_pod.get("runAsNonRoot") is not True or with_pod.get("runAsUser") == 0:
        yield "root"
    if (with_pod.get("seccompProfile") or {}).get("type") not in _PROFILES:
        yield "seccompProfile"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities"
    if {*(capabilities.get("add") or ())} - {_CAPABILITY}:
        yield "more capabilities"
    if context.get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "hostPort"
