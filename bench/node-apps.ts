/** The apps of the Node benchmark: each answers every request with the same small JSON document. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface AppSource {
  readonly name: string;
  /** Packages and their exact versions. */
  readonly dependencies: Readonly<Record<string, string>>;
  readonly server: string;
}

const SOURCES: readonly AppSource[] = [
  {
    name: 'Express 5',
    dependencies: { express: '5.2.1' },
    server: `
      const app = require('express')();
      app.get('/', (request, response) => response.json({ hello: 'world' }));
      app.listen(process.env.PORT);`,
  },
  {
    name: 'Fastify 5',
    dependencies: { fastify: '5.12.8' },
    server: `
      const app = require('fastify')();
      app.get('/', async () => ({ hello: 'world' }));
      app.listen({ port: Number(process.env.PORT), host: '0.0.0.0' });`,
  },
  {
    name: 'http',
    dependencies: {},
    server: `
      require('node:http').createServer((request, response) => {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ hello: 'world' }));
      }).listen(process.env.PORT);`,
  },
];

export interface NodeApp {
  readonly name: string;
  /** Absolute path; `package.json` names the file to run. */
  readonly directory: string;
}

/** Writes the apps beneath a directory and installs what they need from npm. */
export const installApps = (parent: string): NodeApp[] =>
  SOURCES.map(({ name, dependencies, server }, index) => {
    const directory = join(parent, `app-${index}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'server.js'), server);
    const manifest = {
      name: `app-${index}`,
      version: '1.0.0',
      private: true,
      main: 'server.js',
      dependencies,
    };
    writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
    if (Object.keys(dependencies).length > 0)
      execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    return { name, directory };
  });
