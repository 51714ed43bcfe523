#!/usr/bin/env python3
"""Adds up what ctest ran: the cases of GoogleTest and pytest where a program left its own report, else one per test.

The reports are named after the tests and lie beside ctest's. The last line is "N passed, N failed".
"""

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def cases_of(report):
    """(passed, failed, skipped) of a GoogleTest or pytest report, or None when it cannot be read."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
    return total - failed - skipped, failed, skipped


def add_up(ctest_report):
    passed = failed = skipped = 0
    failures = []
    for case in ElementTree.parse(ctest_report).getroot().iter("testcase"):
        name = case.get("name")
        succeeded = case.get("status") == "run" and case.find("failure") is None
        own = cases_of(Path(ctest_report).parent / f"{name}.xml") or (1 if succeeded else 0, 0, 0)
        # A program that crashed has no report, or one that knows nothing of it.
        own_failed = own[1] if succeeded else max(own[1], 1)
        passed, failed, skipped = passed + own[0], failed + own_failed, skipped + own[2]
        if not succeeded:
            failures.append(f"{Path(ctest_report).parts[-3]}: {name}")
    return passed, failed, skipped, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failed", action="store_true", help="some phase failed that left no report")
    parser.add_argument("reports", nargs="*", help="what ctest --output-junit wrote")
    arguments = parser.parse_args()
    passed = failed = skipped = 0
    for report in arguments.reports:
        if not Path(report).exists():
            failed += 1
            continue
        more_passed, more_failed, more_skipped, failures = add_up(report)
        passed, failed, skipped = passed + more_passed, failed + more_failed, skipped + more_skipped
        for failure in failures:
            print(f"failed: {failure}")
    if arguments.failed and failed == 0:
        failed = 1
    if skipped:
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
    else:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
