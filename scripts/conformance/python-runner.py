"""Runs one file of CPython's own tests, and prints a JSON document a line: which tests there are, as one begins, for
what became of it, and at the end. It is copied beside the tests and runs there, natively or in a guest.

    python-runner.py MODULE [--only TEST[,TEST…]] [--skip TEST[,TEST…]]
"""

import argparse
import json
import os
import sys
import tempfile
import unittest

from test import support
from test.support import threading_helper

STDOUT = os.dup(1)


def say(**document):
    # A test may replace sys.stdout, or leave a line unfinished.
    os.write(STDOUT, f"\n{json.dumps(document)}\n".encode())


def tell_the_truth():
    """What the tests believe of CPython on Emscripten is not so here: there are sockets, and threads.

    What they asked when they were loaded stays: whether there is fork(2), or another program to be started.
    """
    if sys.platform == "emscripten":
        support.has_socket_support = True
        support.is_emscripten = False
        threading_helper.can_start_thread = True
        # A module of that name is there, so that it can be imported: there is no TLS in it.
        sys.modules["ssl"] = sys.modules["_ssl"] = None


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def suite_of(suite, keeps):
    return suite.__class__(
        suite_of(item, keeps) if isinstance(item, unittest.TestSuite) else item
        for item in suite
        if isinstance(item, unittest.TestSuite) or keeps(item.id())
    )


class Result(unittest.TestResult):
    """The worst that happens to a test is what became of it: parts of it may fail or be skipped."""

    def __init__(self):
        super().__init__()
        self.outcomes = {}
        # Of what is done before a class or a module, by name.
        self.fixtures = {}

    def startTest(self, test):
        super().startTest(test)
        say(begin=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(test.id(), self.outcomes.setdefault(test.id(), ("pass", None)))

    def tell(self, name, outcome):
        verdict, complaint = outcome
        say(test=name, verdict=verdict, **({} if complaint is None else {"complaint": complaint}))

    def keep(self, test, verdict, complaint):
        test = getattr(test, "test_case", test)
        if isinstance(test, unittest.TestCase):
            if verdict == "fail" or test.id() not in self.outcomes:
                self.outcomes[test.id()] = (verdict, complaint)
        else:
            # unittest.suite._ErrorHolder: "setUpClass (module.Class)"
            self.fixtures[test.id().partition("(")[2].rstrip(")")] = (verdict, complaint)

    def fail(self, test, error):
        type_, value, _ = error
        lines = str(value).strip().splitlines()
        self.keep(test, "fail", f"{type_.__name__}: {lines[0]}" if lines else type_.__name__)

    def addError(self, test, err):
        self.fail(test, err)
        if os.environ.get("SUITE_SHOW"):
            print(self._exc_info_to_string(err, test), file=sys.__stderr__)

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addError(test, err)

    def addSkip(self, test, reason):
        self.keep(test, "skip", reason)

    def addUnexpectedSuccess(self, test):
        self.keep(test, "fail", "unexpected success")

    def fixture_of(self, name):
        """What became of the class or module of a test that did not get its turn."""
        while "." in name:
            name = name.rpartition(".")[0]
            if name in self.fixtures:
                return self.fixtures[name]
        return ("fail", "does not run")

    def tell_of_the_rest(self, names):
        for name in names:
            if name not in self.outcomes:
                self.tell(name, self.fixture_of(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    only, skip = (set(filter(None, names.split(","))) for names in (options.only, options.skip))

    tell_the_truth()
    # As `python -m test` without -u: no servers of others, nothing that takes minutes.
    support.use_resources = {}
    if options.module == "test.test_socketserver":
        # What it means by the network is this machine's own loopback.
        support.use_resources["network"] = None
    support.verbose = 0
    os.chdir(tempfile.mkdtemp())
    sys.argv[1:] = []

    try:
        __import__(options.module)
        loaded = unittest.defaultTestLoader.loadTestsFromName(options.module)
    except unittest.SkipTest as skipped:
        say(module="skip", complaint=str(skipped))
    else:
        suite = suite_of(loaded, lambda name: name not in skip and (not only or name in only))
        names = [test.id() for test in tests_in(suite)]
        say(known=[test.id() for test in tests_in(loaded)])
        result = Result()
        suite.run(result)
        result.tell_of_the_rest(names)
    say(end=True)
    # Threads that tests left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
