/** The unit of systemd by which sandboxes start with the machine: `wasmrun service`. */
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { WasmrunError } from './errors.ts';
import { DEFAULT_PREFIX } from './network/names.ts';
import { CommandError } from './os/command.ts';
import { packageFile } from './os/package-file.ts';
import { pinnedNode } from './os/pinned-node.ts';
import { askSystemctl, isSystemdRunning, systemctl, systemctlCommand } from './os/systemd.ts';
import type { SystemdScope } from './os/systemd.ts';
import { renderUnit, UNIT_MARK, unitName } from './service-unit.ts';

/** Units of the machine that no package owns, systemd.unit(5) "UNIT FILE LOAD PATH". */
const SYSTEM_UNITS = '/etc/systemd/system';
/** What {@link renderUnit} hooks it into. */
const WANTED_BY = { system: 'multi-user.target', user: 'default.target' } as const;
/** Write permission of the group and of everybody; the sticky bit of directories, inode(7). */
const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

export interface ServiceChange {
  /** Name of the unit. */
  readonly unit: string;
  /** Its file. */
  readonly path: string;
  readonly isChanged: boolean;
  /** Commands that were run, as they are typed. */
  readonly ran: readonly string[];
  /** Commands that are left to the user, as no manager runs here. */
  readonly toRun: readonly string[];
  readonly warnings: readonly string[];
}

export interface ServiceStatus {
  readonly unit: string;
  readonly path: string;
  /** `outdated` is written by us, but not as this version would. */
  readonly file: 'current' | 'outdated' | 'foreign' | 'missing';
  /** What systemctl says; absent where no manager runs. */
  readonly enabled?: string;
  readonly active?: string;
}

export class Service {
  readonly unit: string;
  /** Where the unit is, or would be. */
  readonly path: string;
  /** What stands in it, or would. */
  readonly text: string;
  readonly #scope: SystemdScope;
  readonly #command: readonly string[] = [pinnedNode(), '--', packageFile('bin/wasmrun.cjs')];

  /** @param prefix - of the sandboxes' kernel objects */
  constructor(scope: SystemdScope, prefix: string) {
    this.#scope = scope;
    this.unit = unitName(prefix);
    this.path = join(scope === 'system' ? SYSTEM_UNITS : userUnits(), this.unit);
    const environment = environmentOf(scope, prefix);
    this.text = renderUnit({ scope, prefix, command: this.#command, environment });
  }

  /**
   * Writes the unit and has it started, now and with the machine.
   * @throws {WasmrunError} SERVICE_NOT_OURS, SERVICE_FAILED, PERMISSION_DENIED
   */
  async install(): Promise<ServiceChange> {
    this.#requireRights();
    const present = this.#read();
    if (present !== undefined) this.#requireOurs(present);
    const isChanged = present !== this.text;
    if (isChanged) this.#write();
    const commands = [['daemon-reload'], ['enable', '--now', this.unit]];
    return { ...this.#about(isChanged), ...(await this.#tell(commands)), warnings: this.#warnings() };
  }

  /**
   * Stops it, with its sandboxes, and removes the unit.
   * @throws {WasmrunError} SERVICE_NOT_OURS, SERVICE_FAILED, PERMISSION_DENIED
   */
  async uninstall(): Promise<ServiceChange> {
    this.#requireRights();
    const present = this.#read();
    if (present === undefined) return { ...this.#about(false), ran: [], toRun: [], warnings: [] };
    this.#requireOurs(present);
    const stopped = await this.#tell([['disable', '--now', this.unit]]);
    rmSync(this.path);
    this.#unhook();
    const reloaded = await this.#tell([['daemon-reload']]);
    // Where no manager runs, one that starts later reads no unit of ours.
    return { ...this.#about(true), ran: [...stopped.ran, ...reloaded.ran], toRun: [], warnings: [] };
  }

  /** @throws {WasmrunError} SERVICE_FAILED */
  async status(): Promise<ServiceStatus> {
    const { unit, path } = this;
    const about = { unit, path, file: this.#fileState() };
    if (!isSystemdRunning(this.#scope)) return about;
    return await this.#orExplain(async () => ({
      ...about,
      enabled: await askSystemctl(this.#scope, 'is-enabled', unit),
      active: await askSystemctl(this.#scope, 'is-active', unit),
    }));
  }

  #about(isChanged: boolean) {
    return { unit: this.unit, path: this.path, isChanged };
  }

  #fileState(): ServiceStatus['file'] {
    const present = this.#read();
    if (present === undefined) return 'missing';
    if (!present.startsWith(UNIT_MARK)) return 'foreign';
    return present === this.text ? 'current' : 'outdated';
  }

  #read(): string | undefined {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** A reader finds the whole of it, or what was there before. */
  #write(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const draft = `${this.path}.${process.pid}`;
    try {
      writeFileSync(draft, this.text, { mode: 0o644, flag: 'wx' });
      renameSync(draft, this.path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  }

  /** What `systemctl disable` leaves where it cannot be asked. */
  #unhook(): void {
    const hook = join(dirname(this.path), `${WANTED_BY[this.#scope]}.wants`, this.unit);
    try {
      if (readlinkSync(hook) === this.path) rmSync(hook);
    } catch {
      // There is none.
    }
  }

  #requireRights(): void {
    if (this.#scope === 'user' || process.geteuid?.() === 0) return;
    throw new WasmrunError('PERMISSION_DENIED', `only root may change ${this.path}`, {
      hint: 'run it with sudo, or with --user for sandboxes of your own',
    });
  }

  #requireOurs(present: string): void {
    if (present.startsWith(UNIT_MARK)) return;
    throw new WasmrunError('SERVICE_NOT_OURS', `${this.path} was not written by wasmrun`, {
      hint: 'look at it, and move it away if nothing needs it; --print shows what would be written',
    });
  }

  /** Runs these with systemctl, or leaves them to the user. */
  async #tell(commands: readonly (readonly string[])[]): Promise<Pick<ServiceChange, 'ran' | 'toRun'>> {
    const typed = commands.map((args) => systemctlCommand(this.#scope, ...args).join(' '));
    if (!isSystemdRunning(this.#scope)) return { ran: [], toRun: typed };
    for (const args of commands) await this.#orExplain(() => systemctl(this.#scope, ...args));
    return { ran: typed, toRun: [] };
  }

  async #orExplain<Result>(action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const log = this.#scope === 'user' ? 'journalctl --user' : 'journalctl';
      throw new WasmrunError('SERVICE_FAILED', error.message, {
        hint: `${log} --unit ${this.unit} says more`,
        cause: error,
      });
    }
  }

  /** What root runs at each start of the machine must not be anybody else's to change. */
  #warnings(): string[] {
    if (this.#scope === 'user') return [];
    const paths = this.#command
      .filter((word) => word.startsWith('/'))
      .flatMap((path) => changeableByOthers(path) ?? []);
    return [...new Set(paths)].map(
      (path) =>
        `others than root can change ${path}, and so what the service does as root: install wasmrun as root`,
    );
  }
}

/** Where these sandboxes are, if that is not where they are by default. */
const environmentOf = (scope: SystemdScope, prefix: string): Record<string, string> => {
  const state = process.env['XDG_STATE_HOME'] ?? '';
  return {
    ...(prefix !== DEFAULT_PREFIX && { WASMRUN_NAMESPACE_PREFIX: prefix }),
    ...(scope === 'user' && state.startsWith('/') && { XDG_STATE_HOME: state }),
  };
};

/** XDG Base Directory Specification, and systemd.unit(5). */
const userUnits = (): string => {
  const config = process.env['XDG_CONFIG_HOME'] ?? '';
  return join(config.startsWith('/') ? config : join(homedir(), '.config'), 'systemd', 'user');
};

/** The first on the way to a file that somebody but root may change or put something else in the place of. */
const changeableByOthers = (file: string): string | undefined => {
  for (let path = realpathSync(file), child = ''; path !== child; path = dirname(path)) {
    const { uid, mode } = lstatSync(path);
    const isShared = (mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0;
    if (uid !== 0 || isShared) return path;
    child = path;
    if (path === '/') return undefined;
  }
  return undefined;
};
