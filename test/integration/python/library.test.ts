/** Python's library as the build makes it. */
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { startPythonGuest } from '../../helpers/python-guest.ts';
import { program, start } from '../../helpers/python-snapshot.ts';

test('the library is compiled, and has its sources for tracebacks', async () => {
  await using app = await writeAppDirectory({ 'main.py': 'import json\njson.loads("{")' });
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py' });
  expect((await run.ended).status).toBe(1);
  expect(run.stderr()).toContain('File "/usr/lib/python314.zip/json/decoder.py", line');
  expect(run.stderr()).toContain('obj, end = self.scan_once(s, idx)');
  await using other = await writeAppDirectory({
    'main.py': program(
      {
        compiled: 'sum(name.endswith(".pyc") for name in names)',
        sources: 'sum(name.endswith(".py") for name in names)',
        stored: 'all(info.compress_type == 0 for info in infos if info.filename.endswith(".pyc"))',
      },
      'import zipfile\ninfos = zipfile.ZipFile("/usr/lib/python314.zip").infolist()\nnames = [info.filename for info in infos]',
    ),
  });
  const { compiled, sources, stored } = await start(other.path);
  expect(compiled).toBe(sources);
  expect(compiled).toBeGreaterThan(500);
  expect(stored).toBe(true);
});
