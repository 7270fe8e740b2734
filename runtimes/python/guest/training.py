"""What every app does when it starts and serves: run at build, to see which functions of the interpreter that needs.

Where there is another kind of thing that most apps do, add it here: its functions are then compiled before an app
calls them.
"""

import asyncio
import contextvars
import dataclasses
import datetime
import email
import email.utils
import enum
import functools
import hashlib
import http.server
import importlib.metadata
import io
import json
import logging
import os
import re
import secrets
import socket
import socketserver
import sys
import tempfile
import threading
import time
import traceback
import types
import typing
import urllib.parse
import weakref

SOURCE = '''
import functools, os
from json import dumps as write

@functools.cache
def route(path: str, *, methods=("GET",), **options):
    """Looks a path up."""
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path")
    return [part for part in path.split("/") if part], {key: value for key, value in options.items()}

class Base:
    names: dict[str, int] = {}
    def __init__(self, value=1, *args):
        self.value = value
        self.args = args
    def __repr__(self):
        return f"<{type(self).__name__} {self.value:>10}>"
    @property
    def double(self):
        return self.value * 2

class App(Base):
    def __call__(self, environ, start):
        with self.context() as context:
            try:
                yield from (context, environ.get("PATH_INFO", ""))
            except KeyError as error:
                raise RuntimeError("no") from error
            finally:
                self.value += 1
    import contextlib
    @contextlib.contextmanager
    def context(self):
        yield object()

async def handle(reader):
    async with reader as one:
        async for line in one:
            await line
    return lambda x, /, y=2: (x, y)

match os.environ.get("MODE", ""):
    case "debug" | "test": LEVEL = 1
    case _: LEVEL = 2
while LEVEL < 3:
    LEVEL += 1
assert write({"a": [1, 2.5, None, True, "\\u00e4"]}) != ""
'''


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "query": urllib.parse.parse_qs("a=1&b=%20")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        logging.getLogger("server").info(format, *args)


class Connection:
    """A socket as far as a handler goes: there is no network at build."""

    def __init__(self, request):
        self.input = io.BytesIO(request)
        self.output = b""

    def makefile(self, *_):
        return io.BufferedReader(self.input)

    def sendall(self, data):
        self.output += bytes(data)


def serve_request(request):
    connection = Connection(request)
    thread = threading.Thread(target=Handler, args=(connection, ("127.0.0.1", 1), None))
    thread.start()
    thread.join()
    email.message_from_bytes(connection.output.partition(b"\r\n")[2]).get_content_type()


class Loop(asyncio.BaseEventLoop):
    """An event loop without anything to wait for."""

    class _selector:
        select = staticmethod(lambda timeout: time.sleep(min(timeout or 0, 0.01)) or [])

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


@dataclasses.dataclass(frozen=True, order=True)
class Item:
    name: str
    price: float = 1.5
    tags: list[str] = dataclasses.field(default_factory=list)


class Colour(enum.Enum):
    RED = enum.auto()
    GREEN = "green"


async def converse():
    reader = asyncio.StreamReader()
    reader.feed_data(b"line\n")
    await reader.readline()
    async with asyncio.timeout(1):
        await asyncio.gather(asyncio.sleep(0.001), asyncio.to_thread(len, "ab"))
    queue = asyncio.Queue()
    task = asyncio.create_task(queue.get())
    await queue.put(1)
    async with asyncio.Lock():
        return await task


def library():
    namespace = {"__name__": "example"}
    exec(compile(SOURCE, "example.py", "exec"), namespace)
    list(namespace["App"]()({"PATH_INFO": "/a"}, None))
    repr(namespace["App"](3).double)
    namespace["route"]("/a/b", x=1)
    re.compile(r"(?P<name>[a-z_]\w*)(?:<(\w+):(?P<kind>[^>]+)>)?|\d+", re.IGNORECASE).sub(r"\g<name>", "shop/<int:id>" * 3)
    re.split(r"[,;]\s*", "a, b;c")
    json.loads('{"a": [1, -2.5e3, "\\u00e4", null, true], "b": {}}')
    sorted([Item("b"), Item("a", 2.0)], key=lambda item: item.name)
    "{:<10} {!r} {:.2f}".format("a", Colour.RED, 1 / 3) + "%s %5d %r" % ("a", 2, None)
    datetime.datetime.now(datetime.UTC).isoformat() + email.utils.formatdate(usegmt=True) + time.strftime("%d/%b/%Y")
    hashlib.sha256(b"a").hexdigest()
    secrets.token_hex()
    urllib.parse.urlsplit("http://user@example.com:80/a/b;c?d=e#f").geturl() + urllib.parse.quote("ä /")
    functools.partial(functools.reduce, lambda a, b: a + b)([1, 2, 3])
    weakref.WeakValueDictionary()["a"] = Handler
    contextvars.copy_context().run(contextvars.ContextVar("v", default=1).get)
    typing.get_type_hints(Item), types.SimpleNamespace(a=1)
    "ä€".encode().decode("utf-8").encode("latin-1", "replace"), b"ab".hex(), "a,b".partition(","), "A".casefold()
    io.StringIO("a\nb").readlines(), hex(255), round(2.675, 2), divmod(7, 3)
    try:
        {}["missing"]
    except KeyError:
        traceback.format_exc()


def files():
    os.listdir("."), os.stat(__file__), os.path.realpath("."), os.path.join("a", "..", "b")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("a\n" * 10)
        with open(path) as file:
            list(file)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    library()
    files()
    for request in (b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n"):
        serve_request(request)
    loop = Loop()
    loop.run_until_complete(converse())
    loop.close()
    try:
        importlib.metadata.version("nothing")
    except importlib.metadata.PackageNotFoundError:
        pass
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.getaddrinfo("127.0.0.1", 80, family, socket.SOCK_STREAM)
            Server(("127.0.0.1", 0), Handler)
        except OSError:
            pass
    print(" * Running", flush=True)


main()
