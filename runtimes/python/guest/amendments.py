"""Places of Python's library that are different here.

What the interpreter was compiled without although the engine has it, what is not there in a sandbox and says so by
this, and where our own modules come in. A place is known by its text; where it is not found, the build fails.
"""

_NO_TLS = "there is no TLS for Python in a sandbox of wasmrun: let a proxy outside do that"

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
        # Emscripten's looks into /etc/services, which is not there; the engine knows services where it looks names up.
        (
            "def fromfd(",
            "def getservbyname(name, protocol='tcp', /):\n"
            "    kind = {'tcp': SOCK_STREAM, 'udp': SOCK_DGRAM}.get(protocol)\n"
            "    try:\n"
            "        if kind is None or name.isdecimal(): raise gaierror\n"
            "        return _socket.getaddrinfo(None, name, AF_INET, kind)[0][4][1]\n"
            "    except gaierror:\n"
            "        raise OSError('service/proto not found') from None\n\n\n"
            "def fromfd(",
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
            '__import__("_wasmrun_process").NO_PROGRAM',
        )
    ],
    "multiprocessing/process.py": [
        (
            "        assert self._popen is None, 'cannot start a process twice'\n",
            "        __import__('_wasmrun_process').refuse_process()\n",
        )
    ],
    # pyodide's, so that it can be imported. It would hand out sockets that send as they are told what was to be secret.
    "ssl.py": [
        (
            "        import _socket\n\n        ssl_sock = cls.__new__(cls)\n",
            f'        raise SSLError(SSL_ERROR_SSL, "{_NO_TLS}")\n',
        ),
        (
            "server_hostname=None, session=None\n    ):\n        raise NotImplementedError(\"SSL is not supported in Pyodide\")",
            f'server_hostname=None, session=None\n    ):\n        raise SSLError(SSL_ERROR_SSL, "{_NO_TLS}")',
        ),
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
