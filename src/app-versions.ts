/** New versions of an app: made when somebody asks, when it has ended, and when its files change where they are watched. */
import type { Settings } from './config/settings.ts';
import { defineSandbox, requestedForwards } from './define-sandbox.ts';
import type { StoredParts } from './define-sandbox.ts';
import { LiveReload } from './live-reload.ts';
import type { WhenEnded } from './live-reload.ts';
import type { Log } from './log.ts';
import type { ResolvedApp } from './runtime/resolve.ts';
import type { SandboxDefinition } from './sandbox/definition.ts';
import type { SandboxEvent } from './sandbox/events.ts';

export interface VersionsRequest {
  /**
   * Reads the settings again and makes the app ready.
   * @param build - run the build, where there is one
   * @param signal - ends that build
   */
  readonly refresh: (
    build: boolean,
    signal: AbortSignal,
  ) => Promise<{ readonly settings: Settings; readonly app: ResolvedApp }>;
  /** What is done when the app has ended by itself. */
  readonly whenEnded: WhenEnded;
  /** Absolute path of what is watched: the app's directory, or the file it consists of; absent: nothing. */
  readonly watchRoot?: string | undefined;
}

interface BringRequest extends VersionsRequest {
  readonly settings: Settings;
  readonly app: ResolvedApp;
  readonly log: Log;
  readonly onEvent: (event: SandboxEvent) => void;
  readonly stored: StoredParts | undefined;
}

/**
 * Changes of files count from now on.
 * @param definition - of the first version
 * @param stack - ends it
 */
export const bringVersions = async (
  request: BringRequest,
  definition: SandboxDefinition,
  stack: AsyncDisposableStack,
): Promise<LiveReload> => {
  const { settings, app, log, onEvent, stored, refresh, whenEnded } = request;
  const { configFile, watch } = settings;
  const onChange = (files: readonly string[]): void => reload.changed(files);
  const watched = await watchApp(request, onChange);
  if (watched !== undefined) stack.use(watched);
  const first = JSON.stringify(requestedForwards(settings));
  const reload: LiveReload = stack.use(
    new LiveReload(
      {
        directory: app.directory,
        configFile,
        policy: app.program.isSingle === true && watch.reload === 'overlap' ? 'restart' : watch.reload,
        graceMs: watch.graceMs,
        whenEnded,
        refresh: async (isBuilt, signal) => {
          await using _ = watched?.hold();
          const fresh = await refresh(isBuilt, signal);
          // Stored forwards are those of the settings until the settings ask for others.
          const forwards = requestedForwards(fresh.settings);
          const isChanged = JSON.stringify(forwards) !== first;
          return defineSandbox({ ...fresh, stored: stored && isChanged ? { ...stored, forwards } : stored });
        },
        log,
        onEvent,
      },
      definition,
    ),
  );
  return reload;
};

const watchApp = async (
  { settings, app, log, watchRoot }: BringRequest,
  onChange: (files: readonly string[]) => void,
) => {
  if (watchRoot === undefined) return undefined;
  const { watchFiles } = await import('./watch/watch.ts');
  const { configFile, watch, build } = settings;
  const { sources = [], writes = [], directories = [] } = app.program;
  const written = [...settings.app.directories, ...directories]
    .filter(({ guestPath }) => writes.includes(guestPath))
    .map(({ hostPath }) => hostPath);
  return await watchFiles({
    root: watchRoot,
    paths: [
      ...watch.paths,
      ...(configFile === undefined ? [] : [configFile]),
      app.program.modulePath,
      ...sources,
    ],
    ignore: watch.ignore,
    includeNodeModules: watch.includeNodeModules,
    outputs: [...(build.output === undefined ? [] : [build.output]), ...written],
    debounceMs: watch.debounceMs,
    pollMs: watch.pollMs,
    log,
    onBatch: ({ files }) => onChange(files.map(({ path }) => path)),
  });
};
