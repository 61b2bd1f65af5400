"""deploy/k8s/rg-unit.yaml hangs together: every service of the system has a name and one workload, whatever is mounted is
declared, and the configuration is that of docker-compose.yml."""
import sys

try:
    import yaml
except ImportError:
    print("SKIP: python3-yaml is not installed")
    sys.exit(77)

SERVICES = {"retrieval", "encoder", "loader", "trainer", "evaluator", "gateway"}

with open("deploy/k8s/rg-unit.yaml") as file:
    documents = [document for document in yaml.safe_load_all(file)]
with open("deploy/docker-compose.yml") as file:
    compose = yaml.safe_load(file)


def of_kind(*kinds):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] in kinds}


def check(condition, sentence):
    if not condition:
        sys.exit(f"FAIL: {sentence}")


workloads, names = of_kind("Deployment", "StatefulSet"), of_kind("Service")
claims, configuration = of_kind("PersistentVolumeClaim"), of_kind("ConfigMap")
check(set(workloads) == set(names) == SERVICES, f"not one workload and one name of each of {sorted(SERVICES)}")

for service, workload in workloads.items():
    spec = workload["spec"]
    pod = spec["template"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    for selector in spec["selector"]["matchLabels"], names[service]["spec"]["selector"]:
        check(selector.items() <= labels.items(), f"{service}: {selector} does not select its pod")
    declared = {volume["name"] for volume in pod["volumes"]}
    declared |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    for container in pod["initContainers"] + pod["containers"]:
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        check(mounted <= declared, f"{service}: {container['name']} mounts {sorted(mounted - declared)}, which is not declared")
        check(container["securityContext"]["readOnlyRootFilesystem"], f"{service}: the root of {container['name']} is writable")
    for volume in pod["volumes"]:
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        check(claim is None or claim in claims, f"{service}: there is no claim {claim}")
    container = pod["containers"][0]
    check({"name": "RG_SERVICE", "value": service} in container["env"], f"{service}: RG_SERVICE says otherwise")
    for probe in "startupProbe", "readinessProbe", "livenessProbe":
        check(container[probe]["exec"]["command"][-1] == service, f"{service}: {probe} asks another service")
    check("--ready" in container["readinessProbe"]["exec"]["command"], f"{service}: does not ask whether it is ready")
    check("--ready" not in container["livenessProbe"]["exec"]["command"], f"{service}: would be killed while it loads")
    check(pod["terminationGracePeriodSeconds"] >= (900 if service == "trainer" else 60), f"{service}: is killed too soon")


def words(text):
    return set(text.replace("${RG_RUN}", "run").replace("${RG_MORE}", "").split())


ours, theirs = words(configuration["rg-unit"]["data"]["RG_SET"]), words(compose["x-environment"]["RG_SET"])
check(ours == theirs, f"RG_SET differs from docker-compose.yml's: {sorted(ours ^ theirs)}")
check(compose["services"]["trainer"]["stop_grace_period"] == "15m", "docker-compose.yml: the trainer is killed too soon")

for name, service in compose["services"].items():
    options = service.get("logging", {}).get("options", {})
    check("max-size" in options and "max-file" in options, f"docker-compose.yml: the log of {name} has no bound")

# A service that crashes five times in ten seconds is started again all the same: systemd's default is to give it up for good.
with open("deploy/systemd/rg-unit@.service.in") as file:
    unit = dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line and not line.startswith("#"))
check(unit.get("StartLimitIntervalSec") == "0", "rg-unit@.service: some quick crashes end the service for good")
check(int(unit["RestartSec"]) >= 5, "rg-unit@.service: a service that cannot start uses up the machine")
check(unit["Restart"] == "on-failure" and unit["UMask"] == "0077", "rg-unit@.service: Restart or UMask is not as wanted")
