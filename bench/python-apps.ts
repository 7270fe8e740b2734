/** The apps of the Python benchmark: each answers every request with the same small JSON document. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PYTHON_PACKAGES, unpackPythonPackages } from '../scripts/python-packages.ts';

/** Where the apps listen unless PORT says otherwise. */
export const PYTHON_PORT = 5000;

const SOURCES: readonly (readonly [name: string, source: string])[] = [
  [
    'Flask, threads',
    `
import logging, os
from flask import Flask, jsonify
# One line for each request is what the terminal costs, not the server.
logging.getLogger('werkzeug').setLevel(logging.WARNING)
app = Flask(__name__)

@app.get('/')
def hello():
    return jsonify(hello='world')

app.run(port=int(os.environ.get('PORT', ${PYTHON_PORT})), threaded=True)
`,
  ],
  [
    'asyncio',
    `
import asyncio, json, os

class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        body = json.dumps({'hello': 'world'}).encode()
        head = b'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body)
        self.transport.write(head + body)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, '127.0.0.1', int(os.environ.get('PORT', ${PYTHON_PORT})))
    await server.serve_forever()

asyncio.run(main())
`,
  ],
  [
    'uvicorn, Starlette',
    `
import os
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def hello(request):
    return JSONResponse({'hello': 'world'})

app = Starlette(routes=[Route('/', hello)])
if __name__ == '__main__':
    uvicorn.run(app, port=int(os.environ.get('PORT', ${PYTHON_PORT})), log_level='warning', http='h11', loop='asyncio')
`,
  ],
];

export interface PythonApp {
  readonly name: string;
  /** Absolute paths of two copies: what one run compiles, the other is not to find. */
  readonly directories: { readonly native: string; readonly guest: string };
}

/** Writes the apps beneath a directory, with packages from Debian sid. */
export const writePythonApps = (parent: string): PythonApp[] => {
  if (!unpackPythonPackages()) throw new Error('the packages are missing');
  return SOURCES.map(([name, source], index) => {
    const copy = (kind: string): string => {
      const directory = join(parent, `app-${index}-${kind}`);
      mkdirSync(directory);
      writeFileSync(join(directory, 'main.py'), source);
      cpSync(PYTHON_PACKAGES, join(directory, 'site-packages'), { recursive: true });
      return directory;
    };
    return { name, directories: { native: copy('native'), guest: copy('guest') } };
  });
};
