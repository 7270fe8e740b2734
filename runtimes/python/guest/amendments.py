"""Places of Python's library that are different here.

What the interpreter was compiled without although the engine has it, what is not there in a sandbox and says so by
this, and where our own modules come in. A place is known by its text; where it is not found, the build fails.
"""

_ONE_PROCESS = "a sandbox of wasmrun runs one program in one process"

# Of each file: a text that is in it once, and what stands there instead.
_AMENDMENTS = {
    "socket.py": [
        # Emscripten's own sockets know no such options, so its header has no names of them (socket.h of Linux).
        (
            "from _socket import *\n",
            "from _socket import *\n\n"
            "_socket.SO_REUSEADDR = SO_REUSEADDR = 2\n"
            "_socket.SO_REUSEPORT = SO_REUSEPORT = 15\n",
        ),
        # Who asks for the names of network interfaces would only be refused.
        (
            "import io\nimport os\nimport sys\n",
            "del if_nameindex, if_nametoindex, if_indextoname\n\nimport io\nimport os\nimport sys\n",
        ),
    ],
    "subprocess.py": [
        (
            'f"{sys.platform} does not support processes."',
            f'"no other program can be started: {_ONE_PROCESS}"',
        )
    ],
    "multiprocessing/process.py": [
        (
            "        assert self._popen is None, 'cannot start a process twice'\n",
            f"        raise OSError('no other process can be started: {_ONE_PROCESS}')\n",
        )
    ],
    # The first module that is not frozen into the interpreter.
    "encodings/__init__.py": [
        (
            "# Register the search_function in the Python codec registry\n",
            "import _wasmrun_start\n\n# Register the search_function in the Python codec registry\n",
        )
    ],
}


def amend(name, content):
    """The content of a file of the library, with its amendments; a ValueError where a place is not there."""
    source = content.decode()
    for place, text in _AMENDMENTS.pop(name, ()):
        if source.count(place) != 1:
            raise ValueError(f"{name} looks different: {place!r} is there {source.count(place)} times")
        source = source.replace(place, text)
    return source.encode()


def missing():
    """Files that were not seen."""
    return list(_AMENDMENTS)
