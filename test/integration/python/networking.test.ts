/** Servers and clients of Python's own library, both in one guest. */
import { expect, test } from 'vitest';
import { printedByPython } from '../../helpers/python-guest.ts';

test('asyncio serves fifty connections at once', async () => {
  const printed = await printedByPython(`
import asyncio

async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def client(port, number, all_are_there):
    reader, writer = await asyncio.open_connection('localhost', port)
    await all_are_there.wait()
    answers = []
    for turn in range(10):
        writer.write(f'line {turn} of {number}\\n'.encode())
        answers.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answers == [f'LINE {turn} OF {number}\\n'.encode() for turn in range(10)]

async def main():
    server = await asyncio.start_server(echo, '127.0.0.1', 0, backlog=50)
    port = server.sockets[0].getsockname()[1]
    all_are_there = asyncio.Barrier(50)
    print(sum(await asyncio.gather(*(client(port, n, all_are_there) for n in range(50)))))
    server.close()

asyncio.run(main())
`);
  expect(printed).toBe('50\n');
});

test('http.server answers http.client and urllib', async () => {
  const printed = await printedByPython(
    `
import http.client, http.server, threading, urllib.error, urllib.request

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])
    def log_message(self, *args):
        pass

Handler.protocol_version = 'HTTP/1.1'
with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}'
    with urllib.request.urlopen(url + '/page.html') as answer:
        print(answer.status, answer.headers['Content-Type'], answer.read())
    try:
        urllib.request.urlopen(url + '/none')
    except urllib.error.HTTPError as error:
        print(error)
    connection = http.client.HTTPConnection('127.0.0.1', server.server_port)
    for body in (b'abc', b'x' * 200_000 + b'y'):
        connection.request('POST', '/', body)
        answer = connection.getresponse()
        print(answer.status, answer.read() == body[::-1])
    connection.close()
    server.shutdown()
`,
    { files: { 'page.html': '<p>hello' } },
  );
  expect(printed.split('\n')).toEqual([
    "200 text/html b'<p>hello'",
    'HTTP Error 404: File not found',
    '201 True',
    '201 True',
    '',
  ]);
});

test('socketserver has a thread for each connection', async () => {
  const printed = await printedByPython(`
import socket, socketserver, threading

meeting = threading.Barrier(3)

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        meeting.wait(30)
        self.wfile.write(line)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

with Server(('127.0.0.1', 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clients = [socket.create_connection(server.server_address) for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(b'%d\\n' % number)
    print([client.makefile().readline() for client in clients])
    server.shutdown()
`);
  expect(printed).toBe("['0\\n', '1\\n', '2\\n']\n");
});

test('datagrams go to and fro, and one that was cut says so', async () => {
  const printed = await printedByPython(`
import socket, threading

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
def echo():
    for _ in range(3):
        data, address = server.recvfrom(2000)
        server.sendto(data[::-1], address)
threading.Thread(target=echo).start()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(30)
for size in (1, 1400):
    client.sendto(b'a' * size + b'b', server.getsockname())
    data, address = client.recvfrom(2000)
    print(len(data), data[:1], address == server.getsockname())
client.connect(server.getsockname())
client.send(b'abcdef')
data, _, flags, _ = client.recvmsg(3)
print(data, flags == socket.MSG_TRUNC)
client.settimeout(0.05)
try:
    client.recv(1)
except TimeoutError as error:
    print(error)
`);
  expect(printed.split('\n')).toEqual(["2 b'b' True", "1401 b'b' True", "b'fed' True", 'timed out', '']);
});

test('smtplib hands a message over', async () => {
  const printed = await printedByPython(`
import email.message, smtplib, socketserver, threading

received = []

class Mail(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b'\\r\\n')
    def handle(self):
        self.say('220 mail')
        while line := self.rfile.readline().decode().rstrip():
            verb = line[:4].upper()
            received.append(line)
            if verb == 'DATA':
                self.say('354 go on')
                while (text := self.rfile.readline()) != b'.\\r\\n':
                    received.append(text.decode().rstrip())
            self.say('221 bye' if verb == 'QUIT' else '250 OK')

with socketserver.TCPServer(('127.0.0.1', 0), Mail) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    message = email.message.EmailMessage()
    message['From'], message['To'], message['Subject'] = 'a@localhost', 'b@localhost', 'Greetings'
    message.set_content('Hello')
    with smtplib.SMTP('127.0.0.1', server.server_address[1]) as client:
        client.send_message(message)
    server.shutdown()
lines = [line.lower() for line in received]
print([line for line in lines if line[:4] in ('mail', 'rcpt', 'subj', 'hell', 'quit')])
`);
  expect(printed).toBe(
    "['mail from:<a@localhost>', 'rcpt to:<b@localhost>', 'subject: greetings', 'hello', 'quit']\n",
  );
});

test('errors of sockets are those of Linux', async () => {
  const printed = await printedByPython(`
import errno, select, socket

def attempt(action, *args):
    try:
        print(action(*args))
    except OSError as error:
        print(type(error).__name__, errno.errorcode.get(error.errno))

free = socket.create_server(('127.0.0.1', 0))
taken = free.getsockname()
attempt(socket.create_server, taken)
free.close()
attempt(socket.create_connection, taken)
attempt(select.select, [free.fileno() if free.fileno() >= 0 else 500], [], [], 0)
again = socket.socket()
for _ in range(3): attempt(again.connect, taken)
with socket.create_server(taken): attempt(again.connect, taken)
one, other = socket.socketpair()
one.shutdown(socket.SHUT_WR)
attempt(one.send, b'x')
attempt(other.recv, 1)
attempt(socket.socket().getpeername)
attempt(socket.getaddrinfo, 'localhost', 'http', 0, 0, 0, socket.AI_NUMERICSERV)
print(socket.SO_REUSEADDR, socket.SO_REUSEPORT, select.select([], [], [], 0.01))
`);
  expect(printed.split('\n')).toEqual([
    'OSError EADDRINUSE',
    'ConnectionRefusedError ECONNREFUSED',
    'OSError EBADF',
    ...Array.from({ length: 3 }, () => 'ConnectionRefusedError ECONNREFUSED'),
    'None',
    'BrokenPipeError EPIPE',
    "b''",
    'OSError ENOTCONN',
    'gaierror None',
    '2 15 ([], [], [])',
    '',
  ]);
});

test('services and protocols are known by name, and ports by service', async () => {
  const printed = await printedByPython(`
import socket

def attempt(name, *args):
    try:
        print(getattr(socket, name)(*args))
    except (OSError, OverflowError) as error:
        print(type(error).__name__, error)

attempt('getservbyname', 'https')
attempt('getservbyname', 'domain', 'udp')
attempt('getservbyname', 'domain', 'sctp')
attempt('getservbyname', '80')
attempt('getservbyport', 80)
attempt('getservbyport', 53, 'udp')
attempt('getservbyport', 9)
attempt('getservbyport', 65536)
attempt('getprotobyname', 'udp')
attempt('getprotobyname', 'nothing')
attempt('getnameinfo', ('127.0.0.1', 80), 0)
attempt('getnameinfo', ('127.0.0.1', 80), socket.NI_NUMERICSERV)
`);
  expect(printed.split('\n')).toEqual([
    '443',
    '53',
    'OSError service/proto not found',
    'OSError service/proto not found',
    'http',
    'domain',
    'OSError port/proto not found',
    'OverflowError getservbyport: port must be 0-65535.',
    '17',
    'OSError protocol not found',
    "('127.0.0.1', 'http')",
    "('127.0.0.1', '80')",
    '',
  ]);
});

test('there is no TLS, and whoever asks for it is told so: nothing is sent as it is instead', async () => {
  const printed = await printedByPython(`
import asyncio, socket, ssl, urllib.request

def attempt(action):
    try:
        print(action())
    except Exception as error:
        print(type(error).__name__, error)

one, other = socket.socketpair()
listener = socket.create_server(('127.0.0.1', 0))
port = listener.getsockname()[1]
client = ssl.create_default_context()
# The handshake is left to the first that is sent.
attempt(lambda: client.wrap_socket(one, server_hostname='x', do_handshake_on_connect=False).sendall(b'secret'))
attempt(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(listener, server_side=True))
attempt(lambda: urllib.request.urlopen(f'https://127.0.0.1:{port}/'))
attempt(lambda: asyncio.run(asyncio.open_connection('127.0.0.1', port, ssl=True)))
`);
  const reason = 'there is no TLS for Python in a sandbox of wasmrun: let a proxy outside do that';
  expect(printed.split('\n')).toEqual([
    `SSLError ${reason}`,
    `SSLError ${reason}`,
    `URLError <urlopen error ${reason}>`,
    `SSLError ${reason}`,
    '',
  ]);
});
