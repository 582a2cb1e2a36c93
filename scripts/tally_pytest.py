"""Reads pytest's JUnit report: prints `PASSED FAILED`, and writes the reason of each skip on a line.

usage: tally_pytest.py REPORT.xml SKIPS.txt
"""

import sys
import xml.etree.ElementTree as ElementTree


def main(report: str, skips: str) -> None:
    reasons, passed, failed = [], 0, 0
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    for case in cases:
        skipped = case.find("skipped")
        if skipped is not None:
            reasons.append(" ".join((skipped.get("message") or "no reason given").split()))
        elif case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    with open(skips, "w", encoding="utf-8") as out:
        out.writelines(reason + "\n" for reason in reasons)
    print(passed, failed)


if __name__ == "__main__":
    main(*sys.argv[1:3])
