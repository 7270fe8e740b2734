"""What a guest knows of processes: it is the only one. Changes `posix` before `os` takes its names from there."""

import errno
import posix

_ONE_PROCESS = "a sandbox of wasmrun runs one program in one process"
NO_PROGRAM = f"no other program can be started: {_ONE_PROCESS}; run it outside, and connect to it"
NO_PROCESS = (
    f"no other process can be started: {_ONE_PROCESS}; "
    "threads work (threading, ThreadPoolExecutor, multiprocessing.pool.ThreadPool)"
)

_SHELL_DID_NOT_START = 127 << 8
"""Status of system(3) where there is no shell."""

_ABSENT = {
    "forkpty": NO_PROCESS,
    "posix_spawn": NO_PROGRAM,
    "posix_spawnp": NO_PROGRAM,
    "mkfifo": "no other process could open it; os.pipe() works",
}
"""What there is no function for, as whoever asks `hasattr` is to find, and why."""


def refuse_process():
    raise OSError(errno.ENOTSUP, NO_PROCESS)


def _refuse_program(*args):
    raise OSError(errno.ENOTSUP, NO_PROGRAM)


def _system(command):
    """Scripts that only clear the screen do not look at the result."""
    posix.write(2, f"os.system: {NO_PROGRAM}\n".encode())
    return _SHELL_DID_NOT_START


def _user():
    """There is one, and nobody could become another one."""
    return posix.getuid()


def _users():
    return (_user(), _user(), _user())


def _change_posix():
    posix.fork = refuse_process
    posix.execv = posix.execve = _refuse_program
    posix.system = _system
    # The group has the user's number, as nobody's has. Emscripten has it as root's.
    posix.geteuid = posix.getgid = posix.getegid = _user
    posix.getresuid = posix.getresgid = _users


_change_posix()


def explain_absent(os):
    """What `os` has not says why."""

    def __getattr__(name):
        reason = f": {_ABSENT[name]}" if name in _ABSENT else ""
        raise AttributeError(f"module 'os' has no attribute {name!r}{reason}", name=name, obj=os)

    os.__getattr__ = __getattr__
