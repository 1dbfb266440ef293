"""Program -> Plan: which images and workloads there are, what each is called and made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitopsc.model.descriptor import Environment, Project, SecretKey
from gitopsc.model.diagnostic import (
    BAD_NAME,
    CLAIM_CONFLICT,
    LARGE_CONTEXT,
    LOCAL_DATA,
    MOUNT_CLASH,
    NEEDS_STORE,
    NEWER_KUBERNETES,
    NO_BUILDER,
    NO_RECORD,
    NO_REGISTRY,
    NOT_BUILT,
    ONE_NAME,
    ONE_NODE,
    OUTPUT_HOLDS_INPUT,
    OVER_LIMIT,
    PLATFORM_REFUSES,
    TINY_MEMORY,
    TOO_LARGE,
    Diagnostic,
    Label,
)
from gitopsc.model.execution import Execution, executions
from gitopsc.model.names import RUN_NAME_LIMIT, cleaned
from gitopsc.model.output import readable_json
from gitopsc.model.plan import Claim, EnvironmentPlan, Image, ImageBuild, Mount, Plan, Workload
from gitopsc.model.program import Function, Program, Reference, Run
from gitopsc.model.quantity import amount
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Span
from gitopsc.model.store import DEFAULT, LOCAL_SCHEMES, MOUNTED, scheme_of
from gitopsc.model.volume import Volume

SETTINGS_LIMIT = 120_000
"""Bytes of a run's settings: kubectl and Argo CD keep what they applied, quoted, in an annotation
of at most 262,144."""

CONTEXT_LIMIT = 120_000
"""Bytes of a source that a build in the cluster takes: as much, with the runner and in base64."""

FUNCTION_NAME_LIMIT = 63
"""Longest value of a label."""

_PATH_LIMIT = 200
"""Longest name of a folder, with some room to the 255 bytes of a file system."""

_RESERVED_IMAGES = {"runner": "the runner's own folder", "docker-bake": "the bake file"}
_RESERVED_RUNS = {"kustomization": "the list of manifests"}

_HOME = "/home/function"
_VARIABLES: Mapping[str, str] = {
    "HF_HOME": f"{_HOME}/.cache/huggingface",
    "HOME": _HOME,
    "MPLCONFIGDIR": f"{_HOME}/.cache/matplotlib",
    "NUMBA_CACHE_DIR": f"{_HOME}/.cache/numba",
    "TORCH_HOME": f"{_HOME}/.cache/torch",
    "XDG_CACHE_HOME": f"{_HOME}/.cache",
}
"""Where libraries may write on a read-only root; a run's own variables win."""

_OURS = ("/opt/function", "/opt/gitopsc", "/etc/gitopsc", MOUNTED)
_KERNELS = ("/dev", "/proc", "/sys")
"""Where no volume may be mounted: the source, the runner, its settings, and what no disk holds."""

_IMAGE_VOLUMES = (1, 35)
"""The first Kubernetes that has image volumes switched on; the restricted standard allows them."""

_LEAST_MEMORY = amount("1Mi")

_DEFAULT_RESOURCES: Mapping[str, str] = {"cpu": "100m", "mem": "256Mi", "disk": "1Gi"}
_PLATFORM_QUANTITY = re.compile(r"[0-9]+([a-zA-Z]+)?")


def plan(program: Program, *, sound: bool) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """Checks a program against the limits of where it will run, and lowers a `sound` one.

    A program that has errors lacks runs that others refer to: it is only checked.
    """
    problems: list[Diagnostic] = []
    names = _names(program, problems)
    runs = sorted((each for each in program.runs if not each.local), key=lambda r: names[r.name])
    _check_services(runs, names, problems)
    _check_quantities(runs, problems)
    claims = {}
    for environment in program.project.environments:
        _check_limits(program.project, environment, runs, problems)
        _check_mounts(environment, runs, problems)
        _check_builds(program, environment, problems)
        _check_stores(program, environment, runs, problems)
        claims[environment.name] = _claims(program, environment, runs, names, problems)
    _check_paths(runs, problems)
    _check_output(program, problems)
    if any(each.image is None for each in program.functions):
        problems += _registry_problems(program.project)
    if not sound:
        return None, tuple(problems)
    result = _lowered(program, runs, names, claims)
    _check_sizes(runs, result.environments, problems)
    return result, tuple(problems)


def _lowered(
    program: Program,
    runs: Sequence[Run],
    names: Mapping[str, str],
    claims: Mapping[str, tuple[Claim, ...]],
) -> Plan:
    project = program.project
    waves = _waves(program)
    environments = []
    for environment in project.environments:
        found = {each.run.name: each for each in executions(program, environment)}
        workloads = tuple(
            _workload(project, environment, names[run.name], found[run.name], waves) for run in runs
        )
        builds = tuple(_image_builds(program, environment))
        environments.append(
            EnvironmentPlan(environment, workloads, claims[environment.name], builds)
        )
    return Plan(
        project=project.name,
        schemes=_schemes(program, runs),
        prefix=project.prefix,
        output=project.output,
        images=tuple(_image(each) for each in program.functions if each.image is None),
        environments=tuple(environments),
        lineage=program.lineage,
    )


def _waves(program: Program) -> Mapping[str, int]:
    """The generation of each run."""
    return {
        name: wave
        for wave, generation in enumerate(program.lineage.generations)
        for name in generation
    }


# Names


def _names(program: Program, problems: list[Diagnostic]) -> dict[str, str]:
    """Runs that get objects in a cluster -> what those are called."""
    functions = [(each.unique_name, each.descriptor.name_span) for each in program.functions]
    _check_names("function", functions, FUNCTION_NAME_LIMIT, _RESERVED_IMAGES, problems)
    runs = [(run.name, run.descriptor.name_span) for run in program.runs if not run.local]
    if any(each.builder is not None for each in program.project.environments):
        builds = (each for each in program.builds if each.function.image is None)
        runs += [(each.name, each.merged.descriptor.name_span) for each in builds]
    _check_names("run", runs, RUN_NAME_LIMIT, _RESERVED_RUNS, problems)
    return {name: cleaned(name) for name, _ in runs}


def _check_names(
    what: str,
    named: Iterable[tuple[str, Span]],
    limit: int,
    reserved: Mapping[str, str],
    problems: list[Diagnostic],
) -> None:
    first: dict[str, tuple[str, Span]] = {}
    for name, span in sorted(named, key=lambda each: each[1]):
        short = cleaned(name)
        if not short:
            message = f"nothing is left of `{name}` as a name in a cluster"
            problems.append(Diagnostic(BAD_NAME, message, span, "use letters and digits"))
        elif len(short) > _PATH_LIMIT or len(cleaned(name.partition(":")[0])) > limit:
            most = _PATH_LIMIT if len(short) > _PATH_LIMIT else limit
            message = f"the name `{short}` has {len(short)} characters; {most} are allowed"
            problems.append(Diagnostic(BAD_NAME, message, span, "choose a shorter name"))
        elif short in reserved:
            message = f"no {what} can be called `{short}`: that is {reserved[short]}"
            problems.append(Diagnostic(ONE_NAME, message, span, "choose another name"))
        elif short in first:
            other, place = first[short]
            message = f"`{name}` and `{other}` both become `{short}`"
            related = (Label(place, f"`{other}` is here"),)
            hint = "rename one; letter case and `. _ +` make no difference in a cluster"
            problems.append(Diagnostic(ONE_NAME, message, span, hint, related))
        else:
            first[short] = (name, span)


def _service_name(run: Run, name: str) -> str:
    """A run's name may start with a digit, as an id does; a Service's may not."""
    if run.service_name is not None:
        return cleaned(run.service_name)
    return f"s-{name}" if name[:1].isdigit() else name


def _check_services(
    runs: Iterable[Run], names: Mapping[str, str], problems: list[Diagnostic]
) -> None:
    first: dict[str, Run] = {}
    for run in runs:
        if run.action != "serve":
            continue
        name = _service_name(run, names[run.name])
        span = run.descriptor.name_span if run.service_name is None else run.span("service_name")
        other = first.setdefault(name, run)
        if run.service_name is not None and (len(name) > 63 or not name[:1].isalpha()):
            message = f"`{run.service_name}` cannot name a Service"
            hint = "start with a letter, and use at most 63 letters, digits and `-`"
            problems.append(Diagnostic(BAD_NAME, message, span, hint))
        elif other is not run:
            message = f"the Services of `{run.name}` and `{other.name}` are both called `{name}`"
            related = (Label(other.descriptor.name_span, f"`{other.name}` is here"),)
            hint = "give one another `service_name`"
            problems.append(Diagnostic(ONE_NAME, message, span, hint, related))


# Images and workloads


def _image(function: Function) -> Image:
    return Image(
        name=cleaned(function.unique_name),
        repository=cleaned(function.name),
        function=function.name,
        base=function.base,
        build=function.build,
        requirements=function.requirements,
        packages=function.packages.packages if function.packages else None,
        files=function.files,
        fetch=function.fetch,
    )


def _workload(
    project: Project,
    environment: Environment,
    name: str,
    execution: Execution,
    waves: Mapping[str, int],
) -> Workload:
    run = execution.run
    function = run.function
    version = function.descriptor.id
    resources, limits = _resources(environment, run)
    mounts = _mounts(environment, run, name)
    read = {str(each.key) for each in (*run.inputs, *run.references)}
    return Workload(
        name=name,
        run=run.name,
        function=f"{function.name}:{version}" if version else function.name,
        application=cleaned(function.name),
        action=run.action,
        image=cleaned(function.unique_name) if function.image is None else None,
        ready_image=function.image,
        settings=readable_json(execution.settings),
        variables=_variables(project, environment, run),
        cpu=resources["cpu"],
        cpu_limit=limits.get("cpu"),
        memory=resources["mem"],
        memory_limit=limits.get("mem", resources["mem"]),
        gpu=resources.get("gpu"),
        disk=resources["disk"],
        mounts=mounts,
        scheduling=environment.profile(run.profile).scheduling.over(run.scheduling),
        backoff_limit=run.backoff_limit,
        cron=run.cron,
        is_recreated=any(_is_for_one_node(each.volume) for each in mounts),
        replicas=run.replicas,
        service_type=run.service_type,
        service_name=_service_name(run, name),
        compute=execution.compute,
        wave=waves[run.name],
        source=project.relative(run.descriptor.path),
        reads=tuple(sorted(read)),
        writes=tuple(sorted(str(each.key) for each in run.outputs)),
    )


def _variables(
    project: Project, environment: Environment, run: Run
) -> Mapping[str, str | SecretKey]:
    def secrets(names: Iterable[str]) -> dict[str, SecretKey]:
        return {name: _secret(project, environment, name) for name in names}

    variables: dict[str, str | SecretKey] = {
        **_VARIABLES,
        **secrets(environment.store_secrets),
        **run.environment,
        **secrets(run.secrets),
        **environment.profile(run.profile).variables,
    }
    variables["PROJECT_NAME"] = project.name  # as on the platform, whose own variables win
    return {name: variables[name] for name in sorted(variables)}


def _secret(project: Project, environment: Environment, name: str) -> SecretKey:
    """Where a cluster has it: as the settings say, else as on the platform."""
    return environment.secrets.get(name, SecretKey(f"proj-secrets-{project.name}", name))


# Builds in the cluster


def _image_builds(program: Program, environment: Environment) -> Iterator[ImageBuild]:
    builder = environment.builder
    if builder is None or builder.address is None:
        return
    for build in sorted(program.builds, key=lambda each: cleaned(each.name)):
        function = build.function
        if function.image is None:
            yield ImageBuild(
                name=cleaned(build.name),
                image=cleaned(function.unique_name),
                application=cleaned(function.name),
                address=builder.address,
                client_image=builder.client_image,
                registry_secret=builder.registry_secret,
                secrets={
                    each: _secret(program.project, environment, each)
                    for each in function.build.secrets
                },
                source=program.project.relative(build.merged.descriptor.path),
            )


def _check_builds(program: Program, environment: Environment, problems: list[Diagnostic]) -> None:
    """The client hands BuildKit what a ConfigMap holds; the builder may fetch more by itself."""
    if environment.builder is None:
        return
    built = {each.function.version for each in program.builds}
    used = {run.function.version: run.function for run in program.runs if not run.local}
    for version, function in sorted(used.items(), key=str):
        if function.image is None and version not in built:
            message = (
                f"no run builds `{function.name}` in the cluster, so its image has to be there"
            )
            message += f" (environment `{environment.name}`)"
            hint = f"write a `kind: python+build:run` with `function: {function.name}`"
            problems.append(Diagnostic(NOT_BUILT, message, function.descriptor.name_span, hint))
    for build in program.builds:
        function = build.function
        span = build.merged.descriptor.name_span
        if function.image is not None:
            continue
        if function.fetch is not None and function.fetch.remote.scheme == "ssh":
            message = f"the source of `{function.name}` needs an SSH key, which no cluster has"
            hint = "write `git+https://` with a `GIT_TOKEN`, or `sources: vendor`"
            problems.append(Diagnostic(NO_BUILDER, message, span, hint))
        for missing, key in (
            (environment.builder.address, "build: {address: tcp://<host>:<port>}"),
            (environment.registry, "registry: registry.example.com/team"),
        ):
            if missing is None:
                what = key.partition(":")[0] if key.startswith("registry") else "address"
                message = (
                    f"environment `{environment.name}` builds in the cluster, and has no {what}"
                )
                problems.append(
                    Diagnostic(NO_BUILDER, message, span, f"write `{key}` in gitopsc.yaml")
                )
        size = sum(len(each.content) for each in function.files)
        size += len(function.packages.packages) if function.packages else 0
        if size > CONTEXT_LIMIT:
            message = f"the source of `{function.name}` has {size:,} bytes, and a ConfigMap holds"
            message += f" {CONTEXT_LIMIT:,} of a build"
            hint = "write `sources: fetch` for a source that is fetched, or build it elsewhere"
            problems.append(Diagnostic(LARGE_CONTEXT, message, span, hint))


# Profiles, volumes, claims


def _resources(environment: Environment, run: Run) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Requests and limits. A profile wins over the run (digitalhub.md section 5.4)."""
    profile = environment.profile(run.profile)
    own = {**environment.resources, **run.requests}
    requests = {**_DEFAULT_RESOURCES, **own, **profile.requests}
    return requests, {**run.limits, **profile.limits}


def _volumes(environment: Environment, run: Run) -> tuple[Volume, ...]:
    volumes = {cleaned(each.name): each for each in run.volumes}
    volumes |= {cleaned(each.name): each for each in environment.profile(run.profile).volumes}
    volumes |= {cleaned(each.name): each for each in environment.store_volumes}
    return tuple(volumes[name] for name in sorted(volumes))


def _mounts(environment: Environment, run: Run, name: str) -> tuple[Mount, ...]:
    return tuple(
        Mount(f"v-{cleaned(each.name)}", each, _claim_name(each, name))
        for each in _volumes(environment, run)
    )


def _claim_name(volume: Volume, run: str) -> str | None:
    """design.md section 4: a run's own claim is named after both, a shared one by its own name."""
    if volume.type == "persistent_volume_claim":
        return f"{run}-{cleaned(volume.name)}"
    if volume.type == "shared_volume":
        return volume.claim or cleaned(volume.name)
    return None


def _is_for_one_node(volume: Volume) -> bool:
    """Whether its claim is ours to make, and only pods of one node can mount it."""
    is_made = (
        volume.type in ("persistent_volume_claim", "shared_volume") and volume.size is not None
    )
    return is_made and volume.access_mode != "ReadWriteMany"


def _claims(
    program: Program,
    environment: Environment,
    runs: Iterable[Run],
    names: Mapping[str, str],
    problems: list[Diagnostic],
) -> tuple[Claim, ...]:
    """Claims to make, each once, in the wave of the first run that mounts it.

    Not before it: many claims are bound only when a pod asks for them, and a wave waits for that.
    """
    claims: dict[str, tuple[Claim, Run, Volume]] = {}
    manifests = {names[run.name]: run.descriptor for run in runs}
    for build in program.builds if environment.builder is not None else ():
        manifests.setdefault(cleaned(build.name), build.merged.descriptor)
    waves = _waves(program)
    for run in runs:
        wave = waves.get(run.name, 0)
        for volume in _volumes(environment, run):
            name = _claim_name(volume, names[run.name])
            if name is None or volume.size is None:
                continue
            source = program.project.relative(run.descriptor.path)
            claim = Claim(
                name,
                volume.size,
                volume.access_mode,
                volume.storage_class,
                run.keeps_claims or volume in environment.store_volumes,
                wave,
                source,
            )
            first, other, its = claims.setdefault(name, (claim, run, volume))
            is_shared = volume.type == its.type == "shared_volume"
            if not is_shared and (other, its) != (run, volume):
                message = f"`{other.name}` and `{run.name}` would both have claim `{name}`"
                related = (Label(other.descriptor.name_span, f"`{other.name}` is here"),)
                hint = "rename a volume; runs that are to share a claim write `shared_volume`"
                place = _volume_place(run, volume)
                problems.append(Diagnostic(ONE_NAME, message, place, hint, related))
            elif _wanted(first) != _wanted(claim):
                message = f"`{other.name}` and `{run.name}` want claim `{name}` to be two things"
                related = (Label(other.descriptor.name_span, f"`{other.name}` is here"),)
                hint = "give both the same size, class, access mode and `on_delete`"
                place = _volume_place(run, volume)
                problems.append(Diagnostic(CLAIM_CONFLICT, message, place, hint, related))
            elif wave < first.wave:
                claims[name] = (first._replace(wave=wave), other, its)
            if namesake := manifests.get(f"claim-{name}"):
                message = f"no run can be called `claim-{name}`: that is the file of a claim"
                place = namesake.name_span
                problems.append(Diagnostic(ONE_NAME, message, place, "choose another name"))
    return tuple(claims[name][0] for name in sorted(claims))


def _wanted(claim: Claim) -> tuple[object, ...]:
    """What two runs have to agree on."""
    return amount(claim.size), claim.access_mode, claim.storage_class, claim.is_kept


def _volume_place(run: Run, volume: Volume) -> Span:
    """In the run or its task, or else the profile that brings it."""
    for index, each in enumerate(run.volumes):
        if each is volume:
            return run.span("volumes", index)
    return run.span("profile")


def _check_mounts(
    environment: Environment, runs: Iterable[Run], problems: list[Diagnostic]
) -> None:
    for run in runs:
        first: dict[str, Volume] = {}
        for volumes in (run.volumes, environment.profile(run.profile).volumes):
            names: dict[str, Volume] = {}
            for volume in volumes:
                if names.setdefault(cleaned(volume.name), volume) is not volume:
                    message = f"two volumes are called `{cleaned(volume.name)}`"
                    place = _volume_place(run, volume)
                    problems.append(Diagnostic(MOUNT_CLASH, message, place, "rename one"))
        for volume in _volumes(environment, run):
            if volume in environment.store_volumes:
                continue
            place = _volume_place(run, volume)
            path = volume.mount_path
            other = first.setdefault(path, volume)
            if other is not volume:
                message = f"`{other.name}` and `{volume.name}` are both mounted at `{path}`"
                problems.append(Diagnostic(MOUNT_CLASH, message, place, "move one"))
            _check_volume(environment, run, volume, place, problems)


def _check_volume(
    environment: Environment, run: Run, volume: Volume, place: Span, problems: list[Diagnostic]
) -> None:
    """What is wrong with a volume whatever others there are."""
    path = volume.mount_path
    hidden = [
        taken
        for taken in (*_OURS, *_KERNELS)
        if f"{taken}/".startswith(f"{path.rstrip('/')}/") or path.startswith(f"{taken}/")
    ]
    if hidden:
        message = f"a volume at `{path}` would hide or change `{hidden[0]}`"
        hint = "mount it elsewhere, such as `/data`"
        problems.append(Diagnostic(MOUNT_CLASH, message, place, hint))
    if run.replicas > 1 and _is_for_one_node(volume):
        message = f"{run.replicas} pods share a claim that one node at a time can mount"
        hint = "write `access_mode: ReadWriteMany` in its `spec`, or `replicas: 1`"
        problems.append(Diagnostic(ONE_NODE, message, place, hint))
    if volume.type == "image" and _number(environment.kubernetes) < _IMAGE_VOLUMES:
        message = f"Kubernetes {environment.kubernetes} has image volumes switched off"
        message += f" (environment `{environment.name}`)"
        hint = "write `kubernetes: '1.35'` in gitopsc.yaml, if the cluster is that new"
        problems.append(Diagnostic(NEWER_KUBERNETES, message, place, hint))


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


# Limits


def _check_limits(
    project: Project, environment: Environment, runs: Iterable[Run], problems: list[Diagnostic]
) -> None:
    """A cluster refuses a pod that asks for more than it may take."""
    for run in runs:
        requests, limits = _resources(environment, run)
        profile = environment.profile(run.profile)
        for key, limit in limits.items():
            if key not in profile.limits and amount(requests[key]) > amount(limit):
                message = f"the run asks for {requests[key]} of `{key}`, and allows {limit}"
                hint = "ask for less, or raise the limit"
                place = run.span("resources", key, "limits")
                problems.append(Diagnostic(OVER_LIMIT, message, place, hint))
            elif amount(requests[key]) > amount(limit) and key in profile.requests:
                message = f"profile `{run.profile}` asks for {requests[key]} of `{key}`"
                message += f", and allows {limit}"
                hint = "ask for less, or raise the limit"
                problems.append(Diagnostic(OVER_LIMIT, message, project.place, hint))
            elif amount(requests[key]) > amount(limit):
                message = (
                    f"the run asks for {requests[key]} of `{key}`, and its profile allows {limit}"
                )
                place = run.span("resources", key) if key in run.requests else run.span("profile")
                hint = "ask for less, or raise the limit of the profile"
                problems.append(Diagnostic(OVER_LIMIT, message, place, hint))


def _check_quantities(runs: Iterable[Run], problems: list[Diagnostic]) -> None:
    """Kubernetes decides what a quantity is; what only the platform refuses is a warning."""
    for run in runs:
        for key, quantity in (*run.requests.items(), *run.limits.items()):
            if not _PLATFORM_QUANTITY.fullmatch(quantity):
                message = f"the platform refuses the quantity `{quantity}`; Kubernetes takes it"
                hint = "write a whole number with a unit, such as `500m`"
                span = run.span("resources", key)
                problems.append(Diagnostic(PLATFORM_REFUSES, message, span, hint))
        memory = run.requests.get("mem")
        if memory is not None and amount(memory) < _LEAST_MEMORY:
            message = f"`{memory}` of memory is less than a mebibyte; without a unit it is bytes"
            hint = f"write `{int(amount(memory)) or 1}Gi`, or `Mi`"
            problems.append(Diagnostic(TINY_MEMORY, message, run.span("resources", "mem"), hint))


def _check_sizes(
    runs: Iterable[Run], environments: Iterable[EnvironmentPlan], problems: list[Diagnostic]
) -> None:
    places = {run.name: run.descriptor.name_span for run in runs}
    for environment in environments:
        for workload in environment.workloads:
            if len(workload.settings.encode()) > SETTINGS_LIMIT:
                message = f"the settings of run `{workload.run}` take over {SETTINGS_LIMIT:,} bytes"
                hint = "put the data into a data entity, and pass its key"
                problems.append(Diagnostic(TOO_LARGE, message, places[workload.run], hint))


def _check_output(program: Program, problems: list[Diagnostic]) -> None:
    """An output folder is never read again, so nothing that is read may lie in it."""
    project = program.project
    inside = f"{project.prefix}{project.output}/"
    for path, span in program.files_read:
        if path.startswith(inside):
            message = f"`{project.relative(path)}` lies in the output folder `{project.output}`"
            hint = "move it, or choose another `output` in gitopsc.yaml"
            problems.append(Diagnostic(OUTPUT_HOLDS_INPUT, message, span, hint))


# Stores


def _check_stores(
    program: Program, environment: Environment, runs: Iterable[Run], problems: list[Diagnostic]
) -> None:
    """Pods share what one of them makes only in a store; records of what is done are there, too."""
    store = environment.stores.get(DEFAULT)
    if store is not None and store.is_shared:
        return
    hint = "write `stores: {default: s3://<bucket>/<folder>}` in gitopsc.yaml, or a shared claim"
    if store is not None:
        hint = f"`{store.url}` is another place in each pod: write a URL or a `claim`"
    for run in runs:
        shared = next(_shared_data(run), None)
        if shared is not None:
            verb, key, place = shared
            message = f"`{run.name}` {verb} {key.type} `{key.name}`"
            message += f", and environment `{environment.name}` has no store for it"
            problems.append(Diagnostic(NEEDS_STORE, message, place, hint))
    if any(run.action == "job" for run in runs):
        message = f"jobs of environment `{environment.name}` keep no record without a store:"
        message += " one that is created again runs again"
        problems.append(Diagnostic(NO_RECORD, message, program.project.place, hint))


def _shared_data(run: Run) -> Iterator[tuple[str, StoreKey, Span]]:
    """What a run reads from a store or writes to one. Data at a declared path needs none."""
    for output in run.outputs:
        yield "makes", output.key, output.span
    for read in (*run.inputs, *run.references):
        if read.producer is not None or not _has_path(read):
            yield "reads", read.key, read.span


def _has_path(read: Reference) -> bool:
    return read.declared is not None and "path" in read.declared.spec


def _check_paths(runs: Iterable[Run], problems: list[Diagnostic]) -> None:
    """A path of a laptop is none of a pod."""
    for run in runs:
        for read in (*run.inputs, *run.references):
            if read.declared is None or read.producer is not None or not _has_path(read):
                continue
            path = str(read.declared.spec["path"])
            if scheme_of(path) in LOCAL_SCHEMES and not path.startswith("/"):
                message = f"`{run.name}` reads `{path}`, which is a path of no pod"
                hint = "put the file where pods can fetch it, and declare its URL"
                place = read.declared.span("spec", "path")
                problems.append(Diagnostic(LOCAL_DATA, message, place, hint))


def _schemes(program: Program, runs: Iterable[Run]) -> tuple[str, ...]:
    """Of the URLs that the runner opens: what drivers its image needs."""
    urls = {each.url for one in program.project.environments for each in one.stores.values()}
    for run in runs:
        for read in (*run.inputs, *run.references):
            if read.declared is not None and _has_path(read):
                urls.add(str(read.declared.spec["path"]))
    return tuple(sorted({scheme_of(url) for url in urls} - {*LOCAL_SCHEMES}))


def _registry_problems(project: Project) -> list[Diagnostic]:
    return [
        Diagnostic(
            NO_REGISTRY,
            f"environment `{environment.name}` has no registry: images are called `localhost/...`",
            project.place,
            "write `registry: registry.example.com/team` into gitopsc.yaml",
        )
        for environment in project.environments
        if environment.registry is None
    ]
