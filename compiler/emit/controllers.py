"""EnvironmentPlan -> the objects of the controller that applies its manifests, one for each group.

It lies beside the manifests, and not among them: nothing applies itself.
"""

from __future__ import annotations

from gitopsc.adapters.template import Text, render_yaml
from gitopsc.model.controller import ArgoCD
from gitopsc.model.files import SETTINGS_FILE, manifest_folder
from gitopsc.model.plan import EnvironmentPlan, Plan, Workload


def controller_manifest(plan: Plan, planned: EnvironmentPlan) -> tuple[str, Text] | None:
    """Its path in the output, and its text; None where the settings name no controller."""
    environment = planned.environment
    controller = environment.controller
    if controller is None:
        return None
    kind = "argocd" if isinstance(controller, ArgoCD) else "flux"
    file = f"controllers/{environment.name}.yaml"
    inside = f"{controller.path}/{plan.output}" if controller.path else plan.output
    base = "" if kind == "argocd" else "./"
    applied = [
        {
            # With a dot, which no environment has in its name.
            "name": ".".join(filter(None, (f"{plan.project}-{environment.name}", group))),
            "path": f"{base}{inside}/{manifest_folder(environment.name, group)}",
            "services": [
                _health(each)
                for each in planned.workloads
                if each.action == "serve" and each.group == group
            ],
        }
        for group in planned.groups
    ]
    text = render_yaml(
        f"controllers/{kind}.yaml.j2",
        settings=Text(SETTINGS_FILE),
        file=Text(f"{plan.output}/{file}"),
        controller=controller,
        applied=applied,
        namespace=environment.namespace,
    )
    return file, text


def _health(workload: Workload) -> tuple[str, str, str]:
    """The object that tells whether a service is ready: its version, kind and name."""
    if workload.is_scaled_to_zero:
        return "serving.knative.dev/v1", "Service", workload.service_name
    return "apps/v1", "Deployment", workload.name
