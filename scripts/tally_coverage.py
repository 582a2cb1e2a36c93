"""Counts covered lines in an LCOV file: tally_coverage.py FILE ROOT [--missing].

Lines of tests (`#[cfg(test)] mod …` at the end of a file, files of tests alone) are not counted: they are no lines to be
reached. A line of a generic function or macro counts as covered if any of its copies ran.
"""

import re
import sys
from pathlib import Path

TEST_FILES = re.compile(r"(_tests|/tests|/test_frames)\.rs$")


def first_test_line(path: Path) -> int:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        # A module with a body, not one in a file of its own.
        if line == "#[cfg(test)]" and any(re.match(r"(pub.*)?mod \w+ \{", later) for later in lines[number + 1 : number + 3]):
            return number + 1
    return len(lines) + 1


def main() -> None:
    file, root, missing = Path(sys.argv[1]), sys.argv[2], "--missing" in sys.argv
    hits: dict[str, dict[int, int]] = {}
    for line in file.read_text().splitlines():
        if line.startswith("SF:"):
            current = hits.setdefault(line[3:], {})
        elif line.startswith("DA:"):
            number, count = (int(part) for part in line[3:].split(",")[:2])
            current[number] = max(current.get(number, 0), count)
    lines_total = covered_total = 0
    unreached = []
    print(f"{'file':58} {'lines':>7} {'missed':>7} {'covered':>9}")
    for name, counts in sorted(hits.items()):
        if TEST_FILES.search(name):
            continue
        end = first_test_line(Path(name))
        counts = {number: count for number, count in counts.items() if number < end}
        missed = sorted(number for number, count in counts.items() if count == 0)
        short = name.removeprefix(root + "/")
        lines_total += len(counts)
        covered_total += len(counts) - len(missed)
        if counts:
            share = 100 * (1 - len(missed) / len(counts))
            print(f"{short:58} {len(counts):7} {len(missed):7} {share:8.2f}%")
        source = Path(name).read_text().splitlines()
        unreached += [f"{short}:{number}: {source[number - 1].strip()}" for number in missed]
    share = 100 * covered_total / lines_total
    print(f"{'all':58} {lines_total:7} {lines_total - covered_total:7} {share:8.2f}%")
    if missing:
        print(*unreached, sep="\n")


main()
