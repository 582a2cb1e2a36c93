"""The files for containers. There is no container engine here, so their parts are checked: paths, schemas, the seccomp profile."""

import json
import os
import pathlib
import re
import subprocess
import sys

import collector
import pytest

ROOT = pathlib.Path(__file__).parents[2]
CONTAINER = ROOT / "packaging" / "container"
PROFILE = CONTAINER / "seccomp.json"
MANIFESTS = ROOT / "packaging" / "kubernetes" / "arancini.yaml"

# Loads the profile into this process, then becomes the collector.
CONFINED = """
import errno, json, os, sys
import pyseccomp
profile = json.load(open(sys.argv[1]))
confined = pyseccomp.SyscallFilter(pyseccomp.ERRNO(profile["defaultErrnoRet"]))
for rule in profile["syscalls"]:
    for name in rule["names"]:
        try:
            confined.add_rule(pyseccomp.ALLOW, name)
        except (ValueError, OSError):
            pass  # a call that this processor, or this version of libseccomp, does not know
confined.load()
os.execv(sys.argv[2], sys.argv[2:])
"""


def started(command: list[object], environment: dict[str, str]) -> dict:
    """Runs a collector until routers can connect, and returns the line of its log."""
    process = subprocess.Popen(
        list(map(str, command)), env={"PATH": os.environ["PATH"]} | environment, stderr=subprocess.PIPE, text=True
    )
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if "collector started" in line:
                return json.loads(line)
        raise AssertionError(f"ended with {process.wait()}:\n{''.join(said)}")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def run_command(directory: pathlib.Path) -> list[object]:
    return [
        collector.binary(), "run", "--log-format", "json", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--data-dir", directory,
    ]


def test_the_collector_runs_under_the_seccomp_profile_with_the_same_drivers(tmp_path, need):
    need(collector.missing())
    pytest.importorskip("pyseccomp")
    free = started(run_command(tmp_path / "free"), {})
    confined = started([sys.executable, "-c", CONFINED, PROFILE, *run_command(tmp_path / "confined")], {})
    assert (confined["driver"], confined["backend"]) == (free["driver"], free["backend"])


def test_the_environment_of_the_image_gives_the_collector_its_directories(tmp_path, need):
    need(collector.missing())
    [variables] = re.findall(r"^ENV (.+)$", (CONTAINER / "Dockerfile").read_text(), re.MULTILINE)
    environment = dict(pair.split("=", 1) for pair in variables.split())
    assert environment == {"CONFIGURATION_DIRECTORY": "/etc/arancini", "STATE_DIRECTORY": "/var/lib/arancini"}
    shown = subprocess.run(
        [collector.binary(), "config", "show"], env={"STATE_DIRECTORY": environment["STATE_DIRECTORY"]},
        check=True, capture_output=True, text=True,
    ).stdout
    assert 'data_dir = "/var/lib/arancini/data"' in shown


def test_every_file_that_the_container_files_name_exists():
    yaml = pytest.importorskip("yaml")
    for path in re.findall(r"^!(\S+)$", (CONTAINER / "Dockerfile.dockerignore").read_text(), re.MULTILINE):
        assert (ROOT / path).exists(), path
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    named = [compose["services"]["arancini"]["build"]["dockerfile"]]
    assert (CONTAINER / compose["services"]["arancini"]["build"]["context"] / named[0]).exists()
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (CONTAINER / source).exists(), volume
        for option in service.get("security_opt", []):
            kind, _, value = option.partition(":")
            assert kind != "seccomp" or (CONTAINER / value).exists(), option
    for name in ("prometheus.yml", "grafana.yaml", "dashboards.yaml"):
        assert yaml.safe_load((CONTAINER / name).read_text())


def test_the_manifests_are_valid_and_their_configuration_is_accepted(tmp_path, need):
    need(collector.missing())
    yaml = pytest.importorskip("yaml")
    validator = pathlib.Path(sys.executable).with_name("kubernetes-validate")
    need(None if validator.exists() else "no kubernetes-validate: scripts/test installs it into .venv")
    said = subprocess.run([validator, "--strict", MANIFESTS], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    manifests = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in yaml.safe_load_all(MANIFESTS.read_text())}
    text = manifests["ConfigMap", "arancini"]["data"]["arancini.toml"]
    # The token is a file of the pod.
    token = tmp_path / "api.token"
    token.write_text("0123456789abcdef0123")
    configuration = tmp_path / "arancini.toml"
    configuration.write_text(text.replace("/run/secrets/arancini/api.token", str(token)))
    subprocess.run([collector.binary(), "config", "check", configuration], check=True, capture_output=True)
    [container] = manifests["StatefulSet", "arancini"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    for kind, name in manifests:
        if kind == "Service":
            assert {port["targetPort"] for port in manifests[kind, name]["spec"]["ports"]} <= ports
