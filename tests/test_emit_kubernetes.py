"""Real checkers on real output: Kubernetes' schemas, kustomize, BuildKit's linter."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Any

import kubernetes_validate
import pytest
import yaml
from conftest import CASES, ROOT, SAMPLE
from jsonschema import Draft202012Validator

BIN = Path(sys.executable).parent
FOLDERS = sorted(
    path.parent for root in (SAMPLE, CASES) for path in root.rglob("manifests/*/kustomization.yaml")
)
WRITTEN = [
    path
    for folder in FOLDERS
    for path in sorted(folder.glob("*.yaml"))
    if path.name != "kustomization.yaml"
]
CLAIMS = [path for path in WRITTEN if path.name.startswith("claim-")]
RUNNER = ROOT / "templates/runtimes/python/runner"
BUILDS = [path for path in WRITTEN if "component: build" in path.read_text()]
PATCHED = [path for path in WRITTEN if CASES / "patches" in path.parents]
EXTERNAL = [path for path in WRITTEN if path.name.startswith("external-secret.")]
CONTAINERS = [
    path
    for path in WRITTEN
    if CASES / "containers" in path.parents and path.stem != "index" and path not in CLAIMS
]
ARGO = ("CronWorkflow", "Workflow")
"""Which have models of their own: `test_emit_argo_workflows.py`."""

WORKFLOWS = [path for path in WRITTEN if f"kind: {ARGO[1]}" in path.read_text()]
WORKFLOWS += [path for path in WRITTEN if f"kind: {ARGO[0]}" in path.read_text()]
TILES = [
    path
    for path in WRITTEN
    if CASES / "workflows" in path.parents and path.parent.name != "production.serving"
    if path.stem in ("api", "print", "tiles", "weekly")
]
"""Containers of others, and a service of Knative."""
OTHERS = (*CLAIMS, *BUILDS, *PATCHED, *EXTERNAL, *CONTAINERS, *WORKFLOWS, *TILES)
MANIFESTS = [path for path in WRITTEN if path not in OTHERS]
DOCKERFILES = sorted(path for root in (SAMPLE, CASES) for path in root.rglob("images/*/Dockerfile"))


CUSTOM = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "tests" / "vendor" / "custom-resources").glob("*.json"))
}


def is_asked(path: Path) -> bool:
    """Whether its project asks for other pods than we make by ourselves."""
    return CASES / "platform" in path.parents


def name(path: Path) -> str:
    return "/".join(path.parts[-3:])


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def workload(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The `spec` that holds the pod's template, of a CronJob that of its jobs."""
    (owner,) = [each for each in found if each["kind"] in ("CronJob", "Deployment", "Job")]
    spec: dict[str, Any] = owner["spec"]
    if owner["kind"] == "CronJob":
        assert spec["timeZone"] in ("Etc/UTC", "Europe/Rome")
        assert spec["concurrencyPolicy"] == "Forbid"
        spec = spec["jobTemplate"]["spec"]
    return spec


def test_there_is_something_to_check() -> None:
    assert len(FOLDERS) >= 5
    assert len(BUILDS) >= 1
    assert len(MANIFESTS) >= 20
    assert len(DOCKERFILES) >= 10


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(version, marks=[pytest.mark.slow] if version != "1.34" else [])
        for version in (f"1.{minor}" for minor in range(31, 38))
    ],
)
@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_kubernetes_accepts_every_object(path: Path, version: str) -> None:
    for each in objects(path):
        if kind_of(each) not in (*CUSTOM, *ARGO):
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize(
    "path",
    [each for each in WRITTEN if each.stem in ("api", "maps") or "external" in each.name],
    ids=name,
)
def test_custom_resources_are_as_their_definitions_have_them(path: Path) -> None:
    for each in objects(path):
        if kind_of(each) in CUSTOM:
            Draft202012Validator(CUSTOM[kind_of(each)]).validate(each)


def kind_of(data: dict[str, Any]) -> str:
    is_knative = data["apiVersion"] == "serving.knative.dev/v1"
    return "KnativeService" if is_knative else str(data["kind"])


def test_a_service_without_pods() -> None:
    """What Knative takes with the features that are on by themselves, as its source has them
    (`pkg/apis/serving/fieldmask.go`)."""
    path = CASES / "workflows/out/deploy/manifests/staging.serving/api.yaml"
    (service,) = objects(path)
    assert kind_of(service) == "KnativeService"
    template = service["spec"]["template"]
    pod, annotations = template["spec"], template["metadata"]["annotations"]
    assert pod.keys() <= {
        *("automountServiceAccountToken", "containers", "enableServiceLinks"),
        *("imagePullSecrets", "serviceAccountName", "volumes"),
    }
    assert {key for each in pod["volumes"] for key in each} == {"name", "emptyDir", "projected"}
    (container,) = pod["containers"]
    assert container["ports"] == [{"name": "http1", "containerPort": 8080}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8082}
    assert container["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert annotations["autoscaling.knative.dev/min-scale"] == "0"
    assert json.loads(annotations["gitopsc/run.json"])["run"] == "api"
    tiles = (path.parents[1] / "staging" / "tiles.yaml").read_text()
    assert 'value: "http://api.atlas-staging.svc:80"' in tiles
    applied = objects(path.parents[2] / "controllers/staging.yaml")
    paths = {each["spec"]["path"].rpartition("/")[2] for each in applied}
    assert paths == {"staging", "staging.serving", "staging.side"}
    assert [bool(each["spec"].get("healthChecks")) for each in applied] == [False, True, False]
    (health,) = applied[1]["spec"]["healthChecks"]
    assert (health["apiVersion"], health["kind"]) == ("serving.knative.dev/v1", "Service")


def test_controllers_read_what_is_written() -> None:
    """Each object as its definition has it, and its path is a folder of the output."""
    deploy = CASES / "platform" / "out" / "deploy"
    repository, *kustomizations = objects(deploy / "controllers" / "openshift.yaml")
    applications = objects(deploy / "controllers" / "production.yaml")
    for each in (repository, *kustomizations, *applications):
        Draft202012Validator(CUSTOM[each["kind"]]).validate(each)
    paths = [each["spec"]["source"]["path"] for each in applications]
    paths += [each["spec"]["path"].removeprefix("./services/tides/") for each in kustomizations]
    assert [path.rpartition("/")[2] for path in paths] == [
        *("production", "production.maps", "openshift", "openshift.maps")
    ]
    for path in paths:
        assert (deploy.parent / path / "kustomization.yaml").is_file()
    names = {each["metadata"]["name"] for each in (*kustomizations, *applications)}
    assert len(names) == 4
    for each, service in zip(kustomizations, ("api", "maps"), strict=True):
        assert each["spec"]["sourceRef"]["name"] == repository["metadata"]["name"]
        assert {check["name"] for check in each["spec"]["healthChecks"]} == {service}
        assert each["spec"]["force"] is False
    assert not any("finalizers" in each["metadata"] for each in applications)


def test_what_a_platform_asks_for() -> None:
    """Each object once, of the run that it is of, and nothing where nobody asks."""
    folder = CASES / "platform" / "out" / "deploy" / "manifests"
    kinds = {
        (path.parent.name.partition(".")[0], path.stem): [each["kind"] for each in objects(path)]
        for path in folder.rglob("*.yaml")
        if path.stem in ("api", "maps", "train")
    }
    served = ["Deployment", "Service"]
    monitored = ["NetworkPolicy", "PodMonitor"]
    assert kinds == {
        ("openshift", "api"): served,
        ("openshift", "maps"): served,
        ("openshift", "train"): ["Job"],
        ("production", "api"): [
            *(*served, "PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress"),
            *monitored,
        ],
        ("production", "maps"): [*served, "HTTPRoute", *monitored],
        ("production", "train"): ["Job"],
    }
    deployment = objects(folder / "production" / "api.yaml")[0]
    assert "replicas" not in deployment["spec"]
    pod = workload(objects(folder / "openshift" / "api.yaml"))["template"]["spec"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod["securityContext"].keys()
    assert pod["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("path", CONTAINERS, ids=name)
def test_containers_of_others_meet_the_restricted_standard(path: Path) -> None:
    """But for what nobody here knows of them: they may write to their own root."""
    found = objects(path)
    pod = workload(found)["template"]["spec"]
    container, *beside = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert container["securityContext"] == own
    for each in beside:
        assert each["securityContext"] == {**own, "readOnlyRootFilesystem": True}
    assert pod["automountServiceAccountToken"] is False
    mounted = [each["name"] for one in pod["containers"] for each in one.get("volumeMounts", ())]
    assert {*mounted} == {each["name"] for each in pod.get("volumes", ())}
    assert bool(beside) == ("run.json" in path.read_text()) == (path.stem == "mosaic")
    ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}
    (service,) = [each for each in found if each["kind"] == "Service"] or [None]
    assert bool(ports) == (service is not None)
    if service is not None:
        assert {each["targetPort"] for each in service["spec"]["ports"]} == {*ports.values()}
        assert container["readinessProbe"]["tcpSocket"]["port"] in ports


def test_the_checker_itself_as_a_command() -> None:
    command = [BIN / "kubernetes-validate", "--strict", "-k", "1.36"]
    files = [path for path in MANIFESTS if SAMPLE in path.parents]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_kustomize_builds_the_folder(folder: Path) -> None:
    command = [BIN / "kubectl", "kustomize", folder]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(built) if each}
    mine = {
        (each["kind"], each["metadata"]["name"])
        for path in folder.glob("*.yaml")
        if path.name != "kustomization.yaml"
        for each in objects(path)
    }
    assert found == mine


@pytest.mark.parametrize("path", [*MANIFESTS, *BUILDS], ids=name)
def test_pods_meet_the_restricted_standard(path: Path) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards"""
    pod = workload(objects(path))["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = pod["securityContext"].get("runAsUser")
    assert user == 65532 or (is_asked(path) and user in (None, 20001))
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    loosening = {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"}
    assert not pod.keys() & loosening
    assert not pod["securityContext"].keys() & {"sysctls", "seLinuxOptions", "appArmorProfile"}
    # The standard allows image volumes since 1.33 (kubernetes/kubernetes#130394).
    allowed = {"name", "configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "secret"}
    allowed |= {"ephemeral", "image"}
    assert all(volume.keys() <= allowed for volume in pod["volumes"])
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert security.keys() == {
        "allowPrivilegeEscalation",
        "capabilities",
        "readOnlyRootFilesystem",
    }
    assert not any("hostPort" in port for port in container.get("ports", ()))
    mounts = container["volumeMounts"]
    assert [each["name"] for each in mounts] == [each["name"] for each in pod["volumes"]]
    writable = {"/shared", "/tmp", "/home/function"} if path in MANIFESTS else {"/tmp"}
    assert writable <= {each["mountPath"] for each in mounts}
    limits = container["resources"]
    if "cpu" not in limits["limits"]:  # only a profile or an older platform limits it
        assert limits["limits"]["memory"] == limits["requests"]["memory"]


@pytest.mark.parametrize("path", BUILDS, ids=name)
def test_a_build_hands_over_all_that_its_dockerfile_copies(path: Path) -> None:
    config, job = objects(path)
    (client,) = job["spec"]["template"]["spec"]["containers"]
    (context,) = [
        each["configMap"]
        for each in job["spec"]["template"]["spec"]["volumes"]
        if each["name"] == "context"
    ]
    assert context["name"] == config["metadata"]["name"]
    assert len(path.read_text()) < 256 * 1024
    contents = {key: each.encode() for key, each in config["data"].items()}
    binary = config.get("binaryData", {})
    contents |= {key: base64.b64decode(each) for key, each in binary.items()}
    files = {each["path"]: contents[each["key"]] for each in context["items"]}
    assert len(files) == len(contents)
    folder = path.parents[3]
    sources = folder.parent / "repo"
    runner = "deploy/images/runner/"
    for place, content in files.items():
        home = folder if place.startswith("deploy/") else sources
        if place.startswith(runner):
            home, place = RUNNER, place.removeprefix(runner)
        assert content == (home / place).read_bytes(), place
    dockerfile = next(each for each in files if each.endswith("/Dockerfile"))
    ignore = files[f"{dockerfile}.dockerignore"].decode().splitlines()
    for pattern in ignore[2:]:
        assert any(PurePath(each).match(pattern.removeprefix("!/")) for each in files), pattern
    output = client["args"][client["args"].index("--output") + 1]
    bake = json.loads((folder / "deploy/images/docker-bake.json").read_text())
    tags = bake["target"][Path(dockerfile).parent.name]["tags"]
    assert output in {f"type=image,name={tag},push=true" for tag in tags}
    assert "argocd.argoproj.io/sync-wave" not in job["metadata"]["annotations"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels.keys() == {"app.kubernetes.io/name", "gitopsc/project", "gitopsc/run"}
    (variables,) = (each["env"] for each in job["spec"]["template"]["spec"]["containers"])
    assert not any("optional" in each.get("valueFrom", {}) for each in variables)


@pytest.mark.parametrize("path", CLAIMS, ids=name)
def test_a_claim_is_kept_from_birth_or_goes_when_told(path: Path) -> None:
    (claim,) = objects(path)
    annotations = claim["metadata"]["annotations"]
    keepers = {
        "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    }
    goes = path.name == "claim-older-scratch.yaml"
    assert bool(annotations.items() >= keepers.items()) != goes
    assert claim["metadata"]["name"] == path.stem.removeprefix("claim-")
    assert not any(key.startswith("app.kubernetes.io/version") for key in claim["metadata"])


@pytest.mark.parametrize("path", MANIFESTS, ids=name)
def test_selectors_references_and_policy(path: Path) -> None:
    found = {each["kind"]: each for each in objects(path)}
    spec = workload(objects(path))
    template = spec["template"]
    labels = template["metadata"]["labels"]
    own = {"app.kubernetes.io/name", "gitopsc/project", "gitopsc/run"}
    asked = {"cost-center"} if is_asked(path) else set()
    (settings,) = [each for each in template["spec"]["volumes"] if each["name"] == "settings"]
    (item,) = settings["downwardAPI"]["items"]
    assert item["fieldRef"]["fieldPath"] == "metadata.annotations['gitopsc/run.json']"
    annotations = template["metadata"]["annotations"]
    assert annotations.keys() == {"gitopsc/run.json"} or is_asked(path)
    assert json.loads(annotations["gitopsc/run.json"])["project"] == labels["gitopsc/project"]
    (container,) = template["spec"]["containers"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    sources = [each["valueFrom"] for each in container["env"] if "valueFrom" in each]
    secrets = [each["secretKeyRef"] for each in sources if "secretKeyRef" in each]
    labels_read = [each["fieldRef"]["fieldPath"] for each in sources if "fieldRef" in each]
    names = ("job-name", "controller-uid") if "CronJob" in found else ()
    assert labels_read == [f"metadata.labels['batch.kubernetes.io/{name}']" for name in names]
    for each in found.values():
        annotations = each["metadata"]["annotations"]
        waves = path.parent.name == "waves"
        assert ("argocd.argoproj.io/sync-wave" in annotations) == waves
        assert annotations["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"
    if "Deployment" not in found:
        assert labels.keys() - asked == own
        assert all(each["optional"] is True for each in secrets)
        assert spec["activeDeadlineSeconds"] > 0
        assert spec["podReplacementPolicy"] == "Failed"
        retried = "gitopsc/function: process:fa07" in path.read_text().replace('"', "")
        retried |= "gitopsc/function: model" in path.read_text()
        retried |= "gitopsc/function: draw" in path.read_text()
        is_own = path.stem == "report" and "environments" not in path.parts
        retried |= is_own
        expected = 6 if not retried else 2 if is_own or path.stem == "train" else 3
        assert spec["backoffLimit"] == expected
        rules = spec["podFailurePolicy"]["rules"]
        codes = [
            (rule["action"], rule["onExitCodes"]["operator"], rule["onExitCodes"]["values"])
            for rule in rules
            if "onExitCodes" in rule
        ]
        last = ("FailJob", "In", [76]) if retried else ("FailJob", "NotIn", [75])
        assert codes == [("Ignore", "In", [75]), last]
        assert "ttlSecondsAfterFinished" not in spec
        assert "suspend" not in spec
    else:
        selector = {"gitopsc/service": labels["gitopsc/run"]}
        assert labels.keys() - asked == {*own, "gitopsc/service"}
        assert spec["selector"] == {"matchLabels": selector}
        assert found["Service"]["spec"]["selector"] == selector
        assert not any("optional" in each for each in secrets)
        assert ("PodDisruptionBudget" in found) == (spec.get("replicas", 2) > 1)
        for each in template["spec"]["topologySpreadConstraints"]:
            assert each["labelSelector"] == {"matchLabels": selector}
            assert each["matchLabelKeys"] == ["pod-template-hash"]
        if spec["strategy"]["type"] == "Recreate":
            assert spec["strategy"].keys() == {"type"}
        else:
            assert spec["strategy"]["rollingUpdate"].keys() == {"maxSurge", "maxUnavailable"}
        assert len(found["Service"]["metadata"]["name"]) <= 63


@pytest.mark.slow
def test_the_builders_linter_has_nothing_to_say() -> None:
    """BuildKit's own rules and hadolint's, but for a note: clusters ignore a HEALTHCHECK."""
    command = [BIN / "tally", "lint", "--no-config", "--slow-checks", "off"]
    rules = ["--select", "buildkit/*", "--select", "hadolint/*", "--ignore", "tally/*"]
    linted = subprocess.run(
        [*command, *rules, "--fail-level", "warning", *DOCKERFILES],
        check=False,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=name)
def test_an_image_copies_what_its_ignore_file_lets_in(path: Path) -> None:
    text = path.read_text()
    copied = set()
    for line in text.splitlines():
        if line.startswith("COPY") and "--from=" not in line:
            copied |= set(json.loads(line[line.index("[") :])[:-1])
    ignore = path.with_name("Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[1] == "*"
    assert {line.removeprefix("!/") for line in ignore[2:]} == copied
    assert "# syntax=" not in text


def test_every_file_of_the_runner_is_copied() -> None:
    folder = SAMPLE / "deploy" / "images" / "runner"
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    copied = [
        Path("requirements.txt"),
        *(path for path in files if path.match("gitopsc_runner/*.py")),
    ]
    assert files == set(copied)


def test_the_bake_file_names_every_image() -> None:
    bake = json.loads((SAMPLE / "deploy/images/docker-bake.json").read_text())
    assert set(bake["group"]["default"]["targets"]) == set(bake["target"])
    used = {
        each["spec"]["template"]["spec"]["containers"][0]["image"]
        for path in MANIFESTS
        if SAMPLE in path.parents
        for each in objects(path)
        if each["kind"] in ("Job", "Deployment")
    }
    assert used == {tag for target in bake["target"].values() for tag in target["tags"]}
    for target in bake["target"].values():
        assert (SAMPLE / target["dockerfile"]).is_file()
