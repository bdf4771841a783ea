"""What must hold in every rendering. Each check yields a complaint for what does not, and nothing otherwise."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from service import cli
from service.api import bodies
from service.config import SettingsError
from service.main_serve import KILL_MARGIN_S
from service.version import VERSION
from tests.k8s.cluster import Cluster, Object, Workload, image_name, matches, quantity

Check = Callable[[Cluster], Iterator[str]]
ROOT = Path(__file__).resolve().parents[2]

# Secrets are made by the operator; the first line of each component's file says how.
SECRETS = {
    "precis-keys": {"keys.toml"},
    "precis-redis": {"password", "auth.conf"},
    "precis-results": {"password", "auth.conf"},
    "precis-jobs-database": {"password"},
    "precis-webhooks": {"secret"},
}
OUR_IMAGES = {"precis", "precis-api", "precis-model", "precis-model-cuda"}
FOREIGN_IMAGES = {"valkey"}
# One pod each, which may be away for a while: a budget would either allow every eviction or hold up every drain.
STORES = ("redis", "results")
# Files that a setting names and that a Secret holds.
FILE_SETTINGS = ("_FILE",)
MARGIN_S = 10.0
HASHED = re.compile(r".+-[a-z0-9]{10}")
DURATION = re.compile(r"(\d+)s")


# ---- settings and arguments ------------------------------------------------------------------------------------------


def settings_are_accepted(cluster: Cluster) -> Iterator[str]:
    """Every variable of our containers is a setting with a valid value, and every ConfigMap exists."""
    for workload, container in cluster.pods():
        if not workload.ours:
            continue
        try:
            cluster.settings(container)
        except (SettingsError, KeyError) as error:
            yield f"{workload.name}/{container['name']}: {error}"


def arguments_are_understood(cluster: Cluster) -> Iterator[str]:
    """The command line takes what containers are started with, and the image's entry point is kept."""
    for workload, container in cluster.pods():
        if not workload.ours:
            continue
        if "command" in container:
            yield f"{workload.name}/{container['name']}: replaces the image's entry point"
        arguments = container.get("args", [])
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                cli._parser().parse_args(arguments)
            except SystemExit:
                yield f"{workload.name}/{container['name']}: no such command: {' '.join(arguments)}"


def models_are_the_same_everywhere(cluster: Cluster) -> Iterator[str]:
    """What is pulled, verified and loaded are the same models, in the same folder."""
    steps = {
        f"{workload.name}/{container['name']}": container["args"][2:]
        for workload, container in cluster.pods()
        if container.get("args", [])[:1] == ["models"]
    }
    folders = {
        cluster.environment(container).get("PRECIS_MODELS_DIR", "")
        for workload, container in cluster.pods()
        if workload.component == "models" or container.get("args", [])[:1] == ["models"]
    }
    model = cluster.settings(cluster.workload("model").container)
    wanted = list(model.models_effective) if "seq2seq" in model.engines_effective else []
    if bool(steps) != bool(wanted):
        yield f"models {wanted} are loaded, steps that bring them are {sorted(steps)}"
    yield from (f"{name}: {models}, loaded are {wanted}" for name, models in steps.items() if models != wanted)
    if steps and folders != {str(model.models_dir)}:
        yield f"folders {sorted(folders)}, loaded from {model.models_dir}"
    for job in cluster.of("Job"):
        release = PurePosixPath(model.models_dir).name
        if not job["metadata"]["name"].endswith(f"-{release}"):
            yield f"Job {job['metadata']['name']} is not named after {release}"


def engines_are_those_of_the_profile(cluster: Cluster) -> Iterator[str]:
    """Spelling the engines out changes nothing but what a component adds."""
    container = cluster.workload("model").container
    settings = cluster.settings(container)
    given = cluster.environment(container)
    plain = {name: value for name, value in given.items() if name != "PRECIS_ENGINES"}
    from service.config import load

    wanted = load(plain).engines_effective + (("remote",) if settings.remote_url else ())
    if settings.engines_effective != wanted:
        yield f"engines {settings.engines_effective}, of the profile {wanted}"


# ---- ports, services, selectors --------------------------------------------------------------------------------------


def ports_are_the_ones_opened(cluster: Cluster) -> Iterator[str]:
    """Container ports are those that the settings open, on all interfaces."""
    for workload in cluster.workloads:
        if not workload.ours or workload.kind == "Job":
            continue
        settings, ports = cluster.settings(workload.container), workload.ports()
        wanted = {"management": settings.management_port_effective}
        hosts = [settings.management_host]
        if workload.component == "api":
            wanted["http"] = settings.port
            hosts.append(settings.host)
        if workload.component == "model":
            host, _, port = settings.model_listen.rpartition(":")
            wanted["grpc"] = int(port)
            hosts.append(host)
        if ports != wanted:
            yield f"{workload.name}: ports {ports}, opened are {wanted}"
        if set(hosts) != {"0.0.0.0"}:
            yield f"{workload.name}: listens on {hosts}"


def services_lead_to_one_workload(cluster: Cluster) -> Iterator[str]:
    """Each Service selects one workload and targets ports that it opens, by name."""
    for service in cluster.of("Service"):
        name = service["metadata"]["name"]
        chosen = cluster.selected({"matchLabels": service["spec"]["selector"]})
        if chosen != {name}:
            yield f"Service {name} selects {sorted(chosen)}"
            continue
        (workload,) = [item for item in cluster.workloads if item.name == name]
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in workload.ports():
                yield f"Service {name}: {workload.name} opens no port {port['targetPort']}"
        owner = workload.spec.get("serviceName")
        if workload.kind == "StatefulSet" and (owner != name or service["spec"].get("clusterIP") != "None"):
            yield f"StatefulSet {workload.name} is not governed by a headless Service"
    for workload in cluster.workloads:
        if workload.kind != "Job" and cluster.named("Service", workload.name) is None:
            yield f"no Service for {workload.name}"


def addresses_lead_to_services(cluster: Cluster) -> Iterator[str]:
    """Names in settings are Services, and the model's is one that shows every pod."""
    for workload in cluster.workloads:
        if not workload.ours or workload.component not in ("api", "worker", "model"):
            continue
        settings = cluster.settings(workload.container)
        # Model pods read foreign text in native code: they share their results in a store that has nothing else.
        model = workload.component == "model"
        if model and settings.cache_redis != bool(settings.redis_url):
            yield f"{workload.name}: results are shared: {settings.cache_redis}, in {settings.redis_url or 'no store'}"
        if not model and settings.cache_redis:
            yield f"{workload.name}: has no results to share"
        targets = [(settings.redis_url, "results" if model else "redis")]
        targets += [] if model else [(settings.model_target, "model")]
        for target, kind in targets:
            if not target:
                continue
            found = re.fullmatch(r"(?:dns|redis):/{2,3}([a-z-]+):(\d+)(?:/\d+)?", target)
            service = cluster.named("Service", found[1]) if found else None
            if not found or service is None:
                yield f"{workload.name}: {target} is no Service"
                continue
            if int(found[2]) not in {port["port"] for port in service["spec"]["ports"]}:
                yield f"{workload.name}: {target}: no such port"
            if not cluster.has(kind) or cluster.selected({"matchLabels": service["spec"]["selector"]}) != {
                cluster.workload(kind).name
            }:
                yield f"{workload.name}: {target} does not lead to {kind}"
            if kind == "model" and service["spec"].get("clusterIP") != "None":
                yield f"{workload.name}: {target} shows one address for all pods"


def selectors_select_their_own(cluster: Cluster) -> Iterator[str]:
    """Workloads, budgets, spreads and policies select what they are named after, and nothing else."""
    for workload in cluster.workloads:
        if workload.kind != "Job" and cluster.selected(workload.spec["selector"]) != {workload.name}:
            yield f"{workload.kind} {workload.name} selects {sorted(cluster.selected(workload.spec['selector']))}"
        for spread in workload.pod.get("topologySpreadConstraints", []):
            if cluster.selected(spread["labelSelector"]) != {workload.name}:
                yield f"{workload.name} spreads {sorted(cluster.selected(spread['labelSelector']))}"
    for budget in cluster.of("PodDisruptionBudget"):
        if cluster.selected(budget["spec"]["selector"]) != {budget["metadata"]["name"]}:
            yield f"budget {budget['metadata']['name']} covers {sorted(cluster.selected(budget['spec']['selector']))}"
    for policy in cluster.of("NetworkPolicy"):
        if not cluster.selected(policy["spec"]["podSelector"]):
            yield f"policy {policy['metadata']['name']} selects nothing"
    for workload in cluster.workloads:
        budgets = [
            item for item in cluster.of("PodDisruptionBudget") if matches(item["spec"]["selector"], workload.labels)
        ]
        if len(budgets) != (0 if workload.component in (*STORES, "models") else 1):
            yield f"{len(budgets)} budgets for {workload.name}"


def budgets_let_nodes_drain(cluster: Cluster) -> Iterator[str]:
    """One pod at a time may always go, also where there is only one or all are broken."""
    for budget in cluster.of("PodDisruptionBudget"):
        spec = budget["spec"]
        if spec.get("maxUnavailable") != 1 or spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"budget {budget['metadata']['name']} may hold up a drain"


# ---- time ------------------------------------------------------------------------------------------------------------


def grace_covers_the_drain(cluster: Cluster) -> Iterator[str]:
    """Longest request ≤ drain, and preStop + drain delay + drain + time to end children ≤ grace."""
    longest = cluster.settings(cluster.workload("api").container).max_deadline_s
    for workload in cluster.workloads:
        if not workload.ours or workload.kind == "Job":
            continue
        settings, grace = cluster.settings(workload.container), workload.pod.get("terminationGracePeriodSeconds", 30)
        before = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if before < 3:
            yield f"{workload.name}: no time for endpoints to be withdrawn"
        if settings.request_timeout_s > settings.max_deadline_s:
            yield f"{workload.name}: default deadline beyond the longest"
        item_s = float(cluster.environment(workload.container).get("PRECIS_JOBS_ITEM_TIMEOUT_S", 0))
        if workload.component == "worker" and not item_s:
            yield f"{workload.name}: items of jobs may take longer than the drain"
        if settings.drain_timeout_s < max(longest, item_s):
            yield f"{workload.name}: drains {settings.drain_timeout_s:g} s, requests may take {longest:g} s"
        needed = before + settings.drain_delay_s + settings.drain_timeout_s + KILL_MARGIN_S + MARGIN_S
        if grace < needed:
            yield f"{workload.name}: grace of {grace} s, the drain may need {needed:g} s"


def ways_in_are_patient(cluster: Cluster) -> Iterator[str]:
    """Gateways and ingresses wait longer than the longest request, and let the largest body through."""
    settings = cluster.settings(cluster.workload("api").container)
    for route in cluster.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for name in ("request", "backendRequest"):
                found = DURATION.fullmatch(rule.get("timeouts", {}).get(name, ""))
                if not found or int(found[1]) <= settings.max_deadline_s:
                    yield f"HTTPRoute: {name} timeout {rule.get('timeouts')}"
    for ingress in cluster.of("Ingress"):
        notes = ingress["metadata"]["annotations"]
        size = notes.get("nginx.ingress.kubernetes.io/proxy-body-size", "0")
        if quantity(size.replace("m", "Mi")) < bodies.largest(settings):
            yield f"Ingress: bodies of {size}"
        for name in ("proxy-read-timeout", "proxy-send-timeout"):
            if float(notes.get(f"nginx.ingress.kubernetes.io/{name}", 60)) <= settings.max_deadline_s:
                yield f"Ingress: {name}"


def rollouts_lose_nothing(cluster: Cluster) -> Iterator[str]:
    """No old pod goes before a new one has been ready for a while, except where a new one needs the old one's GPU."""
    for workload in cluster.workloads:
        if workload.kind == "Job" or workload.component in STORES:
            continue
        if workload.spec.get("minReadySeconds", 0) < 5:
            yield f"{workload.name}: counts as available at once"
        if not 1 <= workload.spec.get("revisionHistoryLimit", 10) <= 5:
            yield f"{workload.name}: keeps {workload.spec.get('revisionHistoryLimit', 10)} revisions"
        if workload.kind == "Deployment":
            update = workload.spec.get("strategy", {}).get("rollingUpdate", {})
            gpu = "nvidia.com/gpu" in workload.container["resources"]["limits"]
            if update.get("maxUnavailable") != (1 if gpu else 0):
                yield f"{workload.name}: {update}"
            if gpu and workload.spec.get("replicas", 2) < 2:
                yield f"{workload.name}: the only pod goes first"


# ---- files, volumes, memory ------------------------------------------------------------------------------------------


def mounts_and_volumes_agree(cluster: Cluster) -> Iterator[str]:
    """Every mount has its volume, every volume is mounted, and what volumes name is there or made by the operator."""
    for workload in cluster.workloads:
        volumes = {item["name"]: item for item in workload.pod.get("volumes", [])}
        volumes |= {item["metadata"]["name"]: item for item in workload.spec.get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for container in workload.containers for mount in container["volumeMounts"]}
        if mounted != set(volumes):
            yield f"{workload.name}: mounts {sorted(mounted)}, volumes {sorted(volumes)}"
        for container in workload.containers:
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            nested = [
                (outer, inner)
                for outer in container["volumeMounts"]
                for inner in paths
                if inner.startswith(outer["mountPath"] + "/") and outer.get("readOnly")
            ]
            if nested or len(set(paths)) < len(paths):
                yield f"{workload.name}: mounts within a read-only mount or twice"
        for volume in volumes.values():
            yield from _broken_source(cluster, workload, volume)


def _broken_source(cluster: Cluster, workload: Workload, volume: Object) -> Iterator[str]:
    if "configMap" in volume and cluster.named("ConfigMap", volume["configMap"]["name"]) is None:
        yield f"{workload.name}: no ConfigMap {volume['configMap']['name']}"
    if "secret" in volume:
        secret = volume["secret"]
        keys = {item["key"] for item in secret.get("items", [])}
        if secret["secretName"] not in SECRETS or not keys <= SECRETS[secret["secretName"]]:
            yield f"{workload.name}: unknown Secret {secret['secretName']} {sorted(keys)}"
        if secret.get("optional"):
            yield f"{workload.name}: would start without {secret['secretName']}"
        if secret.get("defaultMode") != 0o440 or "fsGroup" not in workload.pod["securityContext"]:
            yield f"{workload.name}: {secret['secretName']} is readable by all, or not by the process"
    if "persistentVolumeClaim" in volume:
        claim = volume["persistentVolumeClaim"]["claimName"]
        if cluster.named("PersistentVolumeClaim", claim) is None:
            yield f"{workload.name}: no claim {claim}"


def files_of_settings_are_mounted(cluster: Cluster) -> Iterator[str]:
    """A file named by a setting is a key of a mounted Secret; a folder written to is on a writable volume."""
    for workload, container in cluster.pods():
        if not workload.ours:
            continue
        volumes = {item["name"]: item for item in workload.pod["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        for name, value in cluster.environment(container).items():
            if name.endswith("_FILE"):
                folder, _, key = value.rpartition("/")
                secret = volumes.get(mounts.get(folder, {}).get("name", ""), {}).get("secret", {})
                known = {item["key"] for item in secret.get("items", [])} or SECRETS.get(
                    secret.get("secretName"), set()
                )
                if key not in known:
                    yield f"{workload.name}: {name}={value} is not mounted"
            if name in ("PRECIS_RUNTIME_DIR", "PRECIS_QUANTIZED_DIR", "PRECIS_MODELS_DIR"):
                around = [mount for path, mount in mounts.items() if PurePosixPath(value).is_relative_to(path)]
                if not around or (around[0].get("readOnly") and name != "PRECIS_MODELS_DIR"):
                    yield f"{workload.name}: {name}={value} is no mounted folder"


def memory_adds_up(cluster: Cluster) -> Iterator[str]:
    """Requests and a memory limit everywhere; volumes in memory fit into it, those on disk into the disk's."""
    for workload, container in cluster.pods():
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        where = f"{workload.name}/{container['name']}"
        if not {"cpu", "memory"} <= set(requests) or "memory" not in limits:
            yield f"{where}: requests {requests}, limits {limits}"
            continue
        if quantity(requests["memory"]) > quantity(limits["memory"]):
            yield f"{where}: requests more memory than its limit"
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        empty = [item["emptyDir"] for item in workload.pod["volumes"] if item["name"] in mounted and "emptyDir" in item]
        if any("sizeLimit" not in item for item in empty):
            yield f"{where}: a volume without bounds"
            continue
        in_memory = sum(quantity(item["sizeLimit"]) for item in empty if item.get("medium") == "Memory")
        on_disk = sum(quantity(item["sizeLimit"]) for item in empty if item.get("medium") != "Memory")
        if in_memory > quantity(limits["memory"]) / 4:
            yield f"{where}: {in_memory:.0f} bytes of volumes count against its memory"
        if on_disk > quantity(limits.get("ephemeral-storage", 0)):
            yield f"{where}: {on_disk:.0f} bytes of volumes are more than its disk"
        local = {
            item["name"]
            for item in workload.pod["volumes"]
            if item.get("emptyDir", {}).get("medium", "") != "Memory" and "emptyDir" in item
        }
        notes = workload.spec["template"]["metadata"].get("annotations", {})
        given_up = notes.get("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes", "").split(",")
        if local - set(given_up):
            yield f"{where}: cluster-autoscaler keeps its node for {sorted(local - set(given_up))}"
        if workload.ours and container is workload.pod["containers"][0] and workload.kind != "Job":
            yield from _service_memory(cluster, workload, in_memory, quantity(requests["memory"]))


def _service_memory(cluster: Cluster, workload: Workload, in_memory: float, requested: float) -> Iterator[str]:
    settings = cluster.settings(workload.container)
    if workload.component == "api":
        kept = settings.idempotency_max_mb * 1e6
        if kept > in_memory * 0.75:
            yield f"{workload.name}: kept replies of {kept:.0f} bytes fill /tmp"
        # Measured: two workers and their parent 207 MB, supervisor 44 MB.
        if requested < 251e6 + in_memory:
            yield f"{workload.name}: requests {requested:.0f} bytes"
    if workload.component == "model":
        # Measured: 51 MB, or 899 MB with the first neural model; the second is computed, 1 byte a parameter.
        process = 899e6 + 410e6 if "seq2seq" in settings.engines_effective else 51e6
        needed = process + (settings.apertium_memory_mb + settings.cache_mb) * 1e6 + in_memory
        if not settings.apertium_memory_mb or requested < needed:
            yield f"{workload.name}: requests {requested:.0f} bytes, needs {needed:.0f}"
        cpu = quantity(workload.container["resources"]["requests"]["cpu"])
        if "seq2seq" in settings.engines_effective and settings.cpus != cpu:
            yield f"{workload.name}: {settings.cpus:g} CPUs are used, {cpu:g} requested"


# ---- images, names ---------------------------------------------------------------------------------------------------


def images_are_pinned(cluster: Cluster) -> Iterator[str]:
    """Every image has a tag, never `latest`, and ours that of this release."""
    for workload, container in cluster.pods():
        name, tag = image_name(container), str(container["image"]).rpartition("/")[2].partition(":")[2]
        if name not in OUR_IMAGES | FOREIGN_IMAGES:
            yield f"{workload.name}: unknown image {container['image']}"
        if not tag or tag == "latest" or (name in OUR_IMAGES and tag != VERSION):
            yield f"{workload.name}: {container['image']}"


def images_hold_what_is_run(cluster: Cluster) -> Iterator[str]:
    """The thin image serves the API and workers, others the engines they are asked for."""
    for workload, container in cluster.pods():
        if not workload.ours:
            continue
        name, arguments = image_name(container), container.get("args", [])
        thin = arguments == ["serve", "--role", "api"] or arguments == ["worker"]
        if thin != (name == "precis-api"):
            yield f"{workload.name}: {name} for {' '.join(arguments)}"
        neural = arguments[:1] == ["models"]
        if arguments[-1:] == ["model"]:
            engines = cluster.settings(container).engines_effective
            neural = bool({"seq2seq", "remote"} & set(engines))
        if neural and name == "precis":
            yield f"{workload.name}: the small image lacks what {' '.join(arguments)} needs"


def config_maps_are_hashed(cluster: Cluster) -> Iterator[str]:
    """Another content is another name, so that pods are rolled; the map before stays for a way back."""
    for item in cluster.of("ConfigMap"):
        dashboards = "grafana_dashboard" in item["metadata"].get("labels", {})
        if not dashboards and not HASHED.fullmatch(item["metadata"]["name"]):
            yield f"ConfigMap {item['metadata']['name']} is not hashed"


def names_are_unique(cluster: Cluster) -> Iterator[str]:
    """Each object is there once, and only a Namespace's own overlay says which namespace."""
    names = [(item["kind"], item["metadata"]["name"]) for item in cluster.objects]
    yield from (f"{kind} {name} twice" for kind, name in {pair for pair in names if names.count(pair) > 1})
    spaces = {item["metadata"].get("namespace") for item in cluster.objects if item["kind"] != "Namespace"}
    wanted = {item["metadata"]["name"] for item in cluster.of("Namespace")}
    # Queries of KEDA name the namespace, and so the outermost file does.
    asks = bool(cluster.of("ScaledObject")) and len(spaces) == 1 and None not in spaces
    if spaces != (wanted or {None}) and (wanted or not asks):
        yield f"namespaces {spaces}"


def everything_is_labelled(cluster: Cluster) -> Iterator[str]:
    """Whoever lists objects by label finds all of them."""
    for item in cluster.objects:
        labels, kind, name = item["metadata"].get("labels", {}), item["kind"], item["metadata"]["name"]
        ours = "precis" in (labels.get("app.kubernetes.io/part-of"), labels.get("app.kubernetes.io/name"))
        # What belongs to the namespace, and what Grafana looks for by a label of its own.
        if not ours and name not in ("precis", "default-deny") and "grafana_dashboard" not in labels:
            yield f"{kind} {name} is not part of precis"


CHECKS: tuple[Check, ...] = (
    settings_are_accepted,
    arguments_are_understood,
    models_are_the_same_everywhere,
    engines_are_those_of_the_profile,
    ports_are_the_ones_opened,
    services_lead_to_one_workload,
    addresses_lead_to_services,
    selectors_select_their_own,
    budgets_let_nodes_drain,
    grace_covers_the_drain,
    ways_in_are_patient,
    rollouts_lose_nothing,
    mounts_and_volumes_agree,
    files_of_settings_are_mounted,
    memory_adds_up,
    images_are_pinned,
    images_hold_what_is_run,
    config_maps_are_hashed,
    names_are_unique,
    everything_is_labelled,
)
