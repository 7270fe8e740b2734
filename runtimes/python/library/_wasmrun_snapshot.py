"""What the engine has done in Python for snapshots of an interpreter (runtimes/python/engine/snapshot-maker.ts).

`prepare` imports what an app will import, and watches what that depends on. The memory is saved then. `resume` is the
first thing to run in a process that goes on from it: nothing there is to tell of the process in which it was made.
"""

import sys

BARE_MODULES = frozenset(sys.modules)

import gc
import importlib
import io
import os
import posix
import random
import time

REPORT = 3
"""Descriptor on which the engine is told what happens."""

SEED_BYTES = 624 * 4
"""Randomness that `random.Random` takes to be seeded: the whole state of its generator."""

_unseeded = []
"""Random number generators that were to be different in every process."""


def _report(*fields):
    line = "\t".join(str(field) for field in fields) + "\n"
    os.write(REPORT, line.encode("utf-8", "surrogateescape"))


class _WatchedVariables(dict):
    """The data of `os.environ`: which variables somebody looked at, and whether any was changed."""

    def __init__(self, variables):
        super().__init__(variables)
        self.seen = set()

    def __getitem__(self, name):
        self.seen.add(name.decode("utf-8", "surrogateescape"))
        return super().__getitem__(name)

    def __iter__(self):
        self.seen.add("*")
        return super().__iter__()

    def __setitem__(self, name, value):
        self.seen.add("*")
        super().__setitem__(name, value)

    def __delitem__(self, name):
        self.seen.add("*")
        super().__delitem__(name)


def _renewed_bytes():
    """How much of the randomness that was taken `_renew_randomness` takes anew."""
    return len(_unseeded) * SEED_BYTES + (AUTHENTICATION_BYTES if _has_processes() else 0)


AUTHENTICATION_BYTES = 32
"""Length of the key by which processes of `multiprocessing` know each other."""


def _has_processes():
    return "multiprocessing.process" in sys.modules


def _renew_randomness():
    for generator in _unseeded:
        generator.seed()
    if _has_processes():
        process = sys.modules["multiprocessing.process"].current_process()
        process.authkey = os.urandom(AUTHENTICATION_BYTES)


def _import(name):
    """Whether that did not work; what there is none of is probably the app's own."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        return error.name != name.partition(".")[0]
    except BaseException:
        return True
    return False


def prepare(names):
    variables = _WatchedVariables(os.environ._data)
    os.environ._data = variables
    seed = random.Random.seed

    def watched_seed(self, a=None, version=2):
        if a is None:
            _unseeded.append(self)
        return seed(self, a, version)

    random.Random.seed = watched_seed
    _report("ready")
    for name in map(os.fsdecode, names):
        renewed = _renewed_bytes()
        variables.seen.clear()
        has_failed = _import(name) or len(sys._current_frames()) > 1
        _report("imported", name, int(has_failed), _renewed_bytes() - renewed, *sorted(variables.seen))
    random.Random.seed = seed
    # It was made before anybody could look.
    _unseeded.append(random._inst)
    os.environ._data = dict(dict.items(variables))
    loaded = {name.partition(".")[0] for name in sys.modules.keys() - BARE_MODULES}
    _report("modules", *sorted(loaded - {__name__}))
    os.close(REPORT)
    gc.collect()


def _open_standard_input():
    """As Python/pylifecycle.c does it: what it is may be another kind of file."""
    old = sys.stdin
    buffer = io.open(0, "rb", closefd=False)
    buffer.raw.name = "<stdin>"
    stream = io.TextIOWrapper(
        buffer,
        old.encoding,
        old.errors,
        "\n",
        line_buffering=not old.write_through and buffer.isatty(),
        write_through=old.write_through,
    )
    stream.mode = "r"
    sys.stdin = sys.__stdin__ = stream


def resume(arguments, all_arguments):
    os.reload_environ()
    posix.environ.clear()
    posix.environ.update(os.environ._data)
    sys.argv = [os.fsdecode(argument) for argument in arguments]
    sys.orig_argv = [os.fsdecode(argument) for argument in all_arguments]
    _open_standard_input()
    if not sys.stdout.write_through:
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    _renew_randomness()
    if hasattr(time, "tzset"):
        time.tzset()
    if logging := sys.modules.get("logging"):
        logging._startTime = time.time_ns()
    del sys.modules[__name__]
