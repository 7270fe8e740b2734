'use strict';
/** Tries to get at what lies outside of its directory; prints what it got, which is to be nothing. */
const fs = require('node:fs');
const path = require('node:path');

const outside = process.env.OUTSIDE;
const secret = path.join(outside, 'secret');
const up = path.relative(__dirname, outside);
const deep = `${'../'.repeat(40)}${outside.slice(1)}`;

/** Ways to name the directory outside: plain ones, and links the host has put beside this script. */
const doors = [
  outside,
  up,
  deep,
  `/./${outside}`,
  `tree/../${up}`,
  ...['absolute', 'relative', 'far', 'chain', 'mixed'].map((name) => `doors/${name}`),
];
const elsewhere = [
  '/etc/passwd',
  '/proc/self/environ',
  '/proc/1/root/etc/passwd',
  '/proc/self/cwd/secret',
  '/dev/tty',
  '/dev/shm',
  '/sys',
  'doors/proc',
  'doors/root/etc/passwd',
  'doors/descriptor',
];

const found = [];
const errors = new Set();
const attempt = (name, action) => {
  try {
    const result = action();
    found.push([name, String(result)]);
  } catch ({ code }) {
    errors.add(code);
  }
};

fs.mkdirSync('tree', { recursive: true });
fs.writeFileSync('tree/own', 'own');
for (const door of doors) {
  const inside = `${door}/secret`;
  const made = `${door}/made`;
  attempt(`read ${door}`, () => fs.readFileSync(inside, 'utf8'));
  attempt(`open ${door}`, () => fs.openSync(inside, 'r'));
  attempt(`write ${door}`, () => fs.writeFileSync(inside, 'changed'));
  attempt(`append ${door}`, () => fs.appendFileSync(inside, 'changed'));
  attempt(`make ${door}`, () => fs.writeFileSync(made, 'made'));
  attempt(`make only ${door}`, () => fs.writeFileSync(made, 'made', { flag: 'wx' }));
  attempt(`stat ${door}`, () => fs.statSync(inside).size);
  attempt(`lstat ${door}`, () => fs.lstatSync(inside).size);
  attempt(`access ${door}`, () => fs.accessSync(inside));
  attempt(`list ${door}`, () => fs.readdirSync(`${door}/`));
  attempt(`list all ${door}`, () => fs.readdirSync(`${door}/`, { recursive: true }));
  attempt(`opendir ${door}`, () => fs.opendirSync(`${door}/`).readSync().name);
  attempt(`mkdir ${door}`, () => fs.mkdirSync(made));
  attempt(`mkdirs ${door}`, () => fs.mkdirSync(`${made}/x`, { recursive: true }));
  attempt(`mkdtemp ${door}`, () => fs.mkdtempSync(made));
  attempt(`unlink ${door}`, () => fs.unlinkSync(inside));
  attempt(`rm ${door}`, () => fs.rmSync(inside));
  attempt(`rmdir ${door}`, () => fs.rmdirSync(`${door}/empty`));
  attempt(`rename out ${door}`, () => fs.renameSync('tree/own', made));
  attempt(`rename in ${door}`, () => fs.renameSync(inside, 'tree/stolen'));
  attempt(`link in ${door}`, () => fs.linkSync(inside, 'tree/stolen'));
  attempt(`link out ${door}`, () => fs.linkSync('tree/own', made));
  attempt(`symlink ${door}`, () => fs.symlinkSync('x', made));
  attempt(`copy in ${door}`, () => fs.copyFileSync(inside, 'tree/stolen'));
  attempt(`copy out ${door}`, () => fs.copyFileSync('tree/own', made));
  attempt(`cp in ${door}`, () => fs.cpSync(`${door}/`, 'tree/stolen', { recursive: true }));
  attempt(`chmod ${door}`, () => fs.chmodSync(inside, 0o777));
  attempt(`times ${door}`, () => fs.utimesSync(inside, 1, 1));
  attempt(`link times ${door}`, () => fs.lutimesSync(inside, 1, 1));
  attempt(`truncate ${door}`, () => fs.truncateSync(inside));
  attempt(`realpath ${door}`, () => fs.realpathSync(inside));
  attempt(`native realpath ${door}`, () => fs.realpathSync.native(inside));
  attempt(`statfs ${door}`, () => fs.statfsSync(inside).type);
  attempt(`chdir ${door}`, () => process.chdir(door));
  attempt(`require ${door}`, () => require(path.resolve(`${door}/module.cjs`)));
}
for (const place of elsewhere) {
  attempt(`read ${place}`, () => fs.readFileSync(place));
  attempt(`stat ${place}`, () => fs.statSync(place));
}
attempt('a link out', () => fs.symlinkSync(secret, 'tree/out'));
attempt('a link to the root', () => fs.symlinkSync('/', 'tree/out'));
attempt('a link out by dots', () => fs.symlinkSync(`${__dirname}/../outside`, 'tree/out'));
attempt('through a link of its own', () => {
  fs.symlinkSync(`../${up}`, 'tree/own-link');
  return fs.readFileSync('tree/own-link/secret');
});
attempt('a hard link to a link', () => {
  fs.linkSync('doors/absolute', 'tree/hard');
  return fs.readFileSync('tree/hard/secret');
});
attempt('change the mount', () => fs.renameSync(__dirname, `${__dirname}-moved`));
attempt('remove the mount', () => fs.rmdirSync(__dirname));
console.log(JSON.stringify({ found, errors: [...errors] }));
