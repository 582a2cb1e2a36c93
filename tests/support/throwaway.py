"""A throwaway copy of this host's file system, to install packages into: an overlay in a mount namespace of its own."""

import os
import pathlib
import shutil
import subprocess

_MOUNTS = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc none "$1/root/proc"
mount --rbind /dev "$1/root/dev"
echo ready
exec cat
"""


def missing() -> str | None:
    """Why there can be no copy, or None."""
    if os.geteuid() != 0:
        return "only root can mount a throwaway copy of the file system"
    for tool in ("unshare", "nsenter", "chroot", "dpkg"):
        if not shutil.which(tool):
            return f"no {tool} for a throwaway copy of the file system"
    return None


class ThrowawayRoot:
    """A copy of the file system. What is changed in it is gone after `close`."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self.path = directory / "root"
        # cat ends when its standard input closes, also if the tests are killed; then the namespace is gone with its mounts.
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _MOUNTS, "sh", str(directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        if self._keeper.stdout.readline() != "ready\n":
            raise AssertionError("the overlay can't be mounted")

    def run(self, *command: object, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in the copy. Standard error is in the output."""
        done = subprocess.run(
            self.inside(*command), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
            env={"PATH": os.defpath + ":/usr/sbin:/sbin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"} | environment,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done

    def inside(self, *command: object) -> list[str]:
        """The command line that runs a command in the copy."""
        keeper = f"--mount=/proc/{self._keeper.pid}/ns/mnt"
        return ["nsenter", keeper, "chroot", str(self.path), *map(str, command)]

    def copy_in(self, file: pathlib.Path) -> str:
        """Copies a file of the host into the copy and returns its path there."""
        there = f"/tmp/{file.name}"
        with open(file, "rb") as data:
            subprocess.run(self.inside("sh", "-c", f"mkdir -p /tmp && cat > {there}"), stdin=data, check=True)
        return there

    def exists(self, path: str) -> bool:
        """Whether there is such a path in the copy."""
        return self.run("test", "-e", path, check=False).returncode == 0

    def close(self) -> None:
        """Removes the copy."""
        self._keeper.stdin.close()
        self._keeper.wait(20)
