"""Runs tests with pytest, and prints a JSON document a line: which tests there are, as one begins, for what became of
it, and at the end. It is copied beside the tests and runs there, natively or in a guest.

    pytest-runner.py TESTS [--only TEST[,TEST…]] [--skip TEST[,TEST…]] [--timeout SECONDS] [--interpreter FILE]

`--interpreter` is what tests find as `sys.executable`: those that start Python start this.
"""

import argparse
import gc
import json
import os
import subprocess
import sys

import pytest
from _pytest import monkeypatch

STDOUT = os.dup(1)


def say(**document):
    # Something else may have left a line unfinished.
    os.write(STDOUT, f"\n{json.dumps(document)}\n".encode())


def text_of(report):
    if report.skipped:
        # File, line, reason.
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    # Of a file that cannot be imported there is only what would be printed.
    return crash.message if crash else str(report.longrepr).rpartition("\nE ")[2]


def complaint_of(report):
    return " ".join(text_of(report).split()) or "fails"


def outcome_of(report):
    if report.failed:
        return ("fail", complaint_of(report))
    if report.skipped and not hasattr(report, "wasxfail"):
        return ("skip", complaint_of(report))
    return ("pass", None)


class Reporter:
    """The worst that happens to a test is what became of it: before it, during it, or after it."""

    def __init__(self, only, skip):
        self.only = only
        self.skip = skip
        self.outcomes = {}

    def pytest_collection_modifyitems(self, items):
        say(known=[item.nodeid for item in items])
        items[:] = [
            item
            for item in items
            if item.nodeid not in self.skip and (not self.only or item.nodeid in self.only)
        ]

    def pytest_collectreport(self, report):
        # A file that cannot be imported, or skips itself.
        if not report.passed:
            self.tell(report.nodeid, outcome_of(report))

    def pytest_runtest_logstart(self, nodeid):
        say(begin=nodeid)

    def pytest_runtest_logreport(self, report):
        outcome = outcome_of(report)
        before, _ = self.outcomes.get(report.nodeid, ("pass", None))
        if before == "pass" or outcome[0] == "fail":
            self.outcomes[report.nodeid] = outcome

    def pytest_runtest_logfinish(self, nodeid):
        self.tell(nodeid, self.outcomes[nodeid])

    def tell(self, name, outcome):
        verdict, complaint = outcome
        say(test=name, verdict=verdict, **({} if complaint is None else {"complaint": complaint}))


def end_servers():
    """Those that a test which failed left behind: a sandbox that is told to end leaves nothing in the kernel."""
    gc.collect()
    servers = list(subprocess._active)
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tests")
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    parser.add_argument("--timeout")
    parser.add_argument("--interpreter")
    options = parser.parse_args()
    only, skip = (set(filter(None, names.split(","))) for names in (options.only, options.skip))
    # Flask's tests use a name that pytest keeps for itself; since version 9.1 it is another one.
    if not hasattr(monkeypatch, "notset"):
        monkeypatch.notset = monkeypatch.NOTSET
    if options.interpreter:
        sys.executable = options.interpreter
    # What failed the last time is not of interest, and the directory may be read-only.
    settings = ["-p", "no:cacheprovider", "--tb=short"]
    if options.timeout:
        settings += ["--timeout", options.timeout]
    sys.argv[1:] = []
    pytest.main([*settings, options.tests], plugins=[Reporter(only, skip)])
    end_servers()
    say(end=True)
    # Threads that tests left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
