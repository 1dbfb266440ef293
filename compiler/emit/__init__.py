"""Plan -> Emission: Dockerfiles, manifests and reports, as text; only what patches, Knative and
Argo Workflows change is parsed again.

Beside the text is what it says: which objects, of which runs, with which images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from gitopsc.adapters.processes import steps
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.emit import argo_workflows, kubernetes
from gitopsc.emit.controllers import controller_manifest
from gitopsc.emit.images import BuiltImage, bake_targets, image_parts, runner
from gitopsc.emit.patches import unmatched_patches
from gitopsc.emit.pods import TARGET
from gitopsc.emit.reports import lineage_report, requirements_report
from gitopsc.model.artifact import ClusterObject, Emission, Manifest, bake_file
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import BAKE_FILE, OWNERSHIP_LIST, manifest_folder
from gitopsc.model.memo import Memo
from gitopsc.model.output import OutputFile, readable_json
from gitopsc.model.plan import EnvironmentPlan, Plan

__all__ = ("emit",)

_Target = Callable[[Plan, EnvironmentPlan, Mapping[str, BuiltImage], Memo], Iterator[Manifest]]
_TARGETS: Mapping[str, _Target] = {
    "argo-workflows": argo_workflows.manifests,
    "kubernetes": kubernetes.manifests,
}
"""What an environment's `target` chooses; each has its templates in `targets/<name>/`."""


def emit(plan: Plan, memo: Memo | None = None) -> Emission:
    """All files of a project's output, sorted by path, the list of them included."""
    files: dict[str, bytes] = {}
    objects: list[ClusterObject] = []
    problems: list[Diagnostic] = []
    memo = memo or Memo()
    built = steps(memo, plan.images, partial(image_parts, plan))
    images = {
        image.name: BuiltImage(image, *parts)
        for image, parts in zip(plan.images, built, strict=True)
    }
    targets = bake_targets(plan, images.values())
    if images:
        if any(image.context is None for image in plan.images):
            for path, content in runner(plan):
                files[f"images/runner/{path}"] = content
        for written, _ in built:
            files |= written
        files[BAKE_FILE] = readable_json(bake_file(targets)).encode()
    for planned in plan.environments:
        name = planned.environment.name
        listed: dict[str | None, list[str]] = {group: [] for group in planned.groups}
        target = _TARGETS[planned.environment.target]
        for manifest in target(plan, planned, images, memo):
            path = f"{manifest_folder(name, manifest.group)}/{manifest.name}"
            listed[manifest.group].append(manifest.name)
            files[path] = manifest.text.encode()
            objects += [made._replace(path=path) for made in manifest.objects]
            problems += manifest.problems
        for group, names in listed.items():
            path = f"{manifest_folder(name, group)}/kustomization.yaml"
            files[path] = _kustomization(plan, name, group, names).encode()
        if (controller := controller_manifest(plan, planned)) is not None:
            files[controller[0]] = controller[1].encode()
    problems += unmatched_patches(plan, objects)
    files["reports/lineage.json"] = readable_json(lineage_report(plan)).encode()
    required = readable_json(requirements_report(plan))
    files["reports/requirements.json"] = required.encode()
    owned = "".join(f"{path}\n" for path in sorted(files))
    files[OWNERSHIP_LIST] = owned.encode()
    return Emission(
        files=tuple(OutputFile(path, files[path]) for path in sorted(files)),
        objects=tuple(objects),
        images=targets,
        problems=tuple(problems),
    )


def _kustomization(plan: Plan, environment: str, group: str | None, names: Iterable[str]) -> Text:
    """What lists the rest of a folder."""
    return render_yaml(
        f"{TARGET}/kustomization.yaml.j2",
        name="-".join(filter(None, (plan.project, environment, group))),
        resources=sorted(names),
    )
