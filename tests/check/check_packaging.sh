#!/bin/bash
# packaging/ against the rest: YAML parses and says what the image, the settings and the routes say;
# systemd takes the unit.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^project(vecmill VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
if ! /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
    echo "check_packaging: SKIPPED: no python3-yaml, so THE YAML OF packaging/ WAS NOT CHECKED"
    exit 77
fi
/usr/bin/python3 - "$version" <<'P'
import glob
import re
import sys

import yaml


def check(condition, what):
    if not condition:
        sys.exit("check_packaging: " + what)


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


settings = set(re.findall(r"^SETTING_\w+\((\w+)", text("config/settings.def"), re.M))
shutdown = float(re.search(r"\(shutdown_timeout, ([0-9.]+),", text("config/settings.def")).group(1))
user = int(re.search(r"^USER (\d+):\1$", text("Dockerfile"), re.M).group(1))
port = int(re.search(r"^EXPOSE (\d+)$", text("Dockerfile"), re.M).group(1))
volume = re.search(r"^VOLUME (\S+)$", text("Dockerfile"), re.M).group(1)
routes = "".join(text(path) for path in glob.glob("server/**/*.c", recursive=True))
paths = set(re.findall(r'"GET",\s*(?:\.\w+ = )?"(/[^"]*)"', routes))

def kubernetes(path, tls):
    """With TLS: the lines that begin with "#tls " count."""
    return list(yaml.safe_load_all(text(path).replace("#tls ", "") if tls else text(path)))


documents = kubernetes("packaging/kubernetes.yaml", False)
kinds = {document["kind"]: document for document in documents}
check(
    sorted(kinds) == ["NetworkPolicy", "Service", "StatefulSet"] and len(documents) == 3,
    "kinds %s" % sorted(kinds),
)
stateful, service, policy = (
    kinds["StatefulSet"]["spec"],
    kinds["Service"],
    kinds["NetworkPolicy"]["spec"],
)
pod = stateful["template"]["spec"]
(container,) = pod["containers"]
labels = stateful["template"]["metadata"]["labels"]
check(
    labels
    == stateful["selector"]["matchLabels"]
    == service["spec"]["selector"]
    == policy["podSelector"]["matchLabels"],
    "labels",
)
check(
    stateful["replicas"] == 1 and stateful["serviceName"] == service["metadata"]["name"],
    "one replica, its service",
)
check(
    container["image"].endswith(":" + sys.argv[1]),
    "image %s is not of version %s" % (container["image"], sys.argv[1]),
)
check(pod["terminationGracePeriodSeconds"] > shutdown, "grace period is not above shutdown_timeout")
who = pod["securityContext"]
check(
    who["runAsNonRoot"] and who["runAsUser"] == who["runAsGroup"] == who["fsGroup"] == user,
    "user of the image",
)
check(who["seccompProfile"] == {"type": "RuntimeDefault"}, "seccomp")
check(
    container["securityContext"]
    == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "security of the container",
)
(named,) = container["ports"]
check(named["containerPort"] == port, "port of the image")
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    get = container[probe]["httpGet"]
    check(get["path"] in paths and get["port"] == named["name"], probe)
check(
    container["livenessProbe"]["httpGet"]["path"] == "/healthz",
    "a server that stops must not be restarted",
)
check(
    service["spec"]["ports"][0]["targetPort"]
    == named["name"]
    == policy["ingress"][0]["ports"][0]["port"],
    "name of the port",
)
(claim,) = stateful["volumeClaimTemplates"]
mount = container["volumeMounts"][0]
check(mount == {"name": claim["metadata"]["name"], "mountPath": volume}, "volume of the image")
secured = kubernetes("packaging/kubernetes.yaml", True)[0]["spec"]["template"]["spec"]
for pod_spec, schemes, secrets in (
    (pod, {None}, {"keys": "/run/secrets/vecmill"}),
    (secured, {"HTTPS"}, {"keys": "/run/secrets/vecmill", "tls": "/run/secrets/vecmill-tls"}),
):
    (one,) = pod_spec["containers"]
    probes = [one[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    check({probe.get("scheme") for probe in probes} == schemes, "scheme of the probes")
    mounts = {row["name"]: row["mountPath"] for row in one["volumeMounts"] if row.get("readOnly")}
    check(mounts == secrets, "mounts of secrets %s" % mounts)
    check({row["name"] for row in pod_spec["volumes"]} == set(secrets), "volumes of secrets")
    files = [row["value"] for row in one["env"] if str(row.get("value")).startswith("/")]
    check(
        len(files) == 2 * len(secrets) - 1
        and all(any(file.startswith(p + "/") for p in secrets.values()) for file in files),
        "files of secrets %s" % files,
    )
for row in container["env"] + secured["containers"][0]["env"]:
    if "valueFrom" in row:  # part of another one's value
        continue
    name = re.fullmatch(r"VECMILL_(\w+)", row["name"])
    check(name and name.group(1).lower() in settings, "no setting %s" % row["name"])
    check(isinstance(row["value"], str), "%s must be a string" % row["name"])

(monitor,) = kubernetes("packaging/servicemonitor.yaml", False)
(monitor_tls,) = kubernetes("packaging/servicemonitor.yaml", True)
(endpoint,), (endpoint_tls,) = monitor["spec"]["endpoints"], monitor_tls["spec"]["endpoints"]
labels = service["metadata"]["labels"]
check(monitor["spec"]["selector"]["matchLabels"].items() <= labels.items(), "monitor: labels")
check(labels[monitor["spec"]["jobLabel"]] == "vecmill", "monitor: the job of the rules")
check(endpoint["port"] == service["spec"]["ports"][0]["name"], "monitor: port")
check(endpoint["path"] in paths and "scheme" not in endpoint, "monitor: path")
check(endpoint_tls["scheme"] == "https" and endpoint_tls["tlsConfig"], "monitor: TLS")

yaml.SafeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))
services = yaml.safe_load(text("packaging/compose.yaml"))["services"]
one = services["vecmill"]
with_tls = yaml.safe_load(text("packaging/compose.tls.yaml"))
for name, more in with_tls["services"].items():
    check(set(more.get("secrets", [])) <= set(with_tls["secrets"]), "compose: secrets of " + name)
    check(name in services, "compose: no service " + name)
for environment in (one["environment"], with_tls["services"]["vecmill"]["environment"]):
    for name, value in environment.items():
        check(name.replace("VECMILL_", "").lower() in settings, "compose: no setting " + name)
        check(isinstance(value, str), "compose: %s must be a string" % name)
        if value.startswith("/run/secrets/"):
            check(value[13:] in with_tls["services"]["vecmill"]["secrets"], "compose: " + value)
for more in services.values():
    for source in (row.split(":")[0] for row in more["volumes"]):
        check(source[0] != "." or glob.glob("packaging/" + source), "compose: no " + source)
    check(all(row.startswith("127.0.0.1:") for row in more["ports"]), "compose: ports")
for more in ("prometheus", "grafana"):
    check(services[more]["profiles"] == ["monitoring"] and ":" in services[more]["image"], more)
check(
    one["ports"][0].endswith(":%d:%d" % (port, port)) and one["ports"][0].startswith("127.0.0.1:"),
    "compose: port",
)
check(one["volumes"][0].endswith(":" + volume), "compose: volume")
check(float(one["stop_grace_period"].rstrip("s")) > shutdown, "compose: grace period")

unit = text("packaging/vecmill.service")
check(
    float(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M).group(1)) > shutdown,
    "systemd: TimeoutStopSec",
)
for name in re.findall(r"^Environment=VECMILL_(\w+)=", unit, re.M):
    check(name.lower() in settings, "systemd: no setting %s" % name)
P
if command -v systemd-analyze >/dev/null && [ -x "${VECMILL:-}" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    sed "s|/usr/local/bin/vecmill|$VECMILL|" packaging/vecmill.service >"$folder/vecmill.service"
    found=$(systemd-analyze verify --man=no "$folder/vecmill.service" 2>&1 | grep vecmill || true)
    [ -z "$found" ] || { echo "check_packaging: $found" >&2; exit 1; }
else
    echo "check_packaging: no systemd-analyze or no program here: the unit was not checked"
fi
echo "check_packaging: packaging/ fits"
