"""The independent judge of the stream, testing/judge, as a program."""

import json
import os
import pathlib
import subprocess

import collector

ROOT = pathlib.Path(__file__).parents[2]


def binary() -> str | None:
    """The built `arancini-judge`: the one that $ARANCINI_JUDGE names, else the one beside the collector's program."""
    named = os.environ.get("ARANCINI_JUDGE")
    beside = collector.binary()
    path = pathlib.Path(named) if named else pathlib.Path(beside or "").parent / "arancini-judge"
    return str(path) if path.is_file() else None


def missing() -> str | None:
    """Why there is no judge, or None."""
    return None if binary() else "no arancini-judge: cargo build --release -p arancini-judge, or set ARANCINI_JUDGE"


def judge(*arguments: str) -> list[dict]:
    """The lines that the judge prints of a stream: routes, findings, and a summary at the end."""
    done = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1):  # 1: the stream breaks a promise, and the findings say which
        raise RuntimeError(f"arancini-judge {' '.join(arguments)}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]
