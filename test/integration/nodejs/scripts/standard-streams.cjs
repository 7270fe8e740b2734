'use strict';
const fs = require('node:fs');
const { attempt } = require('./tell.cjs');

attempt('stdin', () => fs.readFileSync(0, 'utf8'));
attempt('stdin at its end', () => fs.readSync(0, Buffer.alloc(4)));
attempt('stdin at a position', () => fs.readSync(0, Buffer.alloc(4), 0, 4, 0));
attempt('stdout', () => fs.writeSync(1, 'text\n'));
attempt('stdout bytes', () => fs.writeSync(1, Buffer.from('bytes\n')));
attempt('stdout parts', () => fs.writevSync(1, [Buffer.from('two '), Buffer.from('parts\n')]));
attempt('stdout file', () => fs.writeFileSync(1, 'file\n'));
attempt('stderr', () => fs.writeSync(2, 'to stderr\n'));
attempt('kinds', () => [0, 1, 2].map((fd) => fs.fstatSync(fd).isDirectory()));
