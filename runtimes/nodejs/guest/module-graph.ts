/**
 * Modules in QuickJS. Node's loader says which module each request of a module means; QuickJS asks for modules by name.
 * So every module has a name of its own, and the request of a module is the name of what it was linked with.
 */
import { importDynamically, isDynamicImport, makeDynamicImports } from './dynamic-import.ts';
import { host } from './host.ts';
import type { ModuleAddress } from './host.ts';
import { TWIN_MARK } from './error-stacks.ts';
import { syntaxError } from './syntax-errors.ts';

export type Attributes = Readonly<Record<string, string>>;

export interface ModuleRequest {
  readonly specifier: string;
  readonly attributes: Attributes;
  readonly phase: number;
}

/** What a module is made of, and what has become of it. */
export interface ModuleRecord {
  readonly url: string;
  /** By which QuickJS knows it: its URL, and a number where another one has that. */
  readonly name: string;
  readonly body: TextBody | SyntheticBody;
  readonly requests: readonly ModuleRequest[];
  readonly hasTopLevelAwait: boolean;
  /** Fills in `import.meta`. */
  readonly initializeMeta: (meta: object) => void;
  /** What is to be passed on for an `import()` in it. */
  readonly hostOption: () => symbol;
  /** In the order of the requests. */
  linked?: readonly ModuleRecord[];
  address?: ModuleAddress;
  isInstantiated: boolean;
}

interface TextBody {
  readonly source: string;
  readonly line: number;
}

interface SyntheticBody {
  readonly exports: readonly string[];
  readonly steps: () => void;
}

const LINKER = 'wasmrun:link';
const NEVER = 'wasmrun:never';
/** Some of quickjs.c, enum JSModuleStatus. */
const LINKED = 2;

const records = new Map<string, ModuleRecord>();
let twins = 0;
let linkers = 0;
let never: ModuleAddress | undefined;
/** While QuickJS compiles, requests are those of modules; otherwise an `import()` is running. */
let compiling = 0;
const failures: unknown[] = [];

export const uniqueName = (url: string): string => {
  if (!records.has(url)) return url;
  twins += 1;
  return `${url}${TWIN_MARK}${twins}`;
};

export const addRecord = (record: ModuleRecord): void => void records.set(record.name, record);

export const isSynthetic = (record: ModuleRecord): boolean => 'steps' in record.body;

const compareText = (a: string, b: string): number => (a < b ? -1 : 1);

/** Two requests of a module are the same where specifier and attributes are. */
const requestKey = (specifier: string, attributes: Attributes | undefined): string => {
  const pairs = Object.entries(attributes ?? {}).map((pair) => JSON.stringify(pair));
  return pairs.length === 0 ? specifier : JSON.stringify([specifier, pairs.sort(compareText)]);
};

const resolveRequest = (base: string, specifier: string, attributes: Attributes | undefined): string => {
  const record = records.get(base);
  if (compiling === 0)
    return importDynamically(record?.hostOption(), record?.url ?? base, specifier, attributes);
  // The one that links names what it means.
  if (record === undefined) return specifier;
  const key = requestKey(specifier, attributes);
  const index = record.requests.findIndex((each) => requestKey(each.specifier, each.attributes) === key);
  const target = record.linked?.[index];
  if (target === undefined)
    throw new Error(`request for '${specifier}' is not in the cache of ${record.url}`);
  return target.name;
};

/** A failure must not leave modules half compiled: QuickJS would go on with them. */
const loadModule = (name: string): ModuleAddress => {
  if (isDynamicImport(name)) return makeDynamicImports();
  if (name === NEVER) return (never ??= host.syntheticModule(NEVER, [], stop));
  const record = records.get(name)!;
  try {
    return compile(record);
  } catch (error) {
    failures.push(error);
    return host.syntheticModule(uniqueName(name), [], stop);
  }
};

const stop = (): never => {
  throw new Error('this module only links others');
};

const compile = (record: ModuleRecord): ModuleAddress => {
  if (record.address !== undefined) return record.address;
  const { body, name } = record;
  if ('steps' in body) return (record.address = host.syntheticModule(name, body.exports, body.steps));
  record.address = compileText(name, body.source, body.line);
  if (body.source.includes('import.meta')) record.initializeMeta(host.moduleMeta(record.address));
  return record.address;
};

const compileText = (name: string, source: string, line: number): ModuleAddress => {
  compiling += 1;
  try {
    return host.compileModule(name, source, line);
  } finally {
    compiling -= 1;
  }
};

/** A module and all it leads to that is not linked yet, those first that others import. */
const unlinkedGraph = (root: ModuleRecord): ModuleRecord[] => {
  const seen = new Set<ModuleRecord>([root]);
  const ordered: ModuleRecord[] = [];
  const path: { readonly record: ModuleRecord; next: number }[] = [{ record: root, next: 0 }];
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const { linked } = step.record;
    const child = linked?.[step.next];
    step.next += 1;
    if (child === undefined) {
      ordered.push(step.record);
      path.pop();
    } else if (!seen.has(child) && !child.isInstantiated) {
      seen.add(child);
      path.push({ record: child, next: 0 });
    }
  }
  return ordered;
};

/** Compiles and links a module with all it imports. Throws a SyntaxError as V8 words it. */
export const instantiate = (root: ModuleRecord): void => {
  if (root.isInstantiated) return;
  const graph = unlinkedGraph(root);
  for (const record of graph) requireLinked(record);
  failures.length = 0;
  for (const record of graph) compile(record);
  if (failures.length > 0) throw failures[0];
  // What only sets its exports is linked when it is used.
  if (!isSynthetic(root)) link(root, graph);
  for (const record of graph) record.isInstantiated = true;
};

const requireLinked = ({ linked, requests }: ModuleRecord): void => {
  if (linked !== undefined || requests.length === 0) return;
  throw Object.assign(new Error('module is not linked'), { code: 'ERR_VM_MODULE_LINK_FAILURE' });
};

const link = (root: ModuleRecord, graph: readonly ModuleRecord[]): void => {
  linkers += 1;
  const source = `import ${JSON.stringify(NEVER)}; import ${JSON.stringify(root.name)};`;
  const linker = compileText(`${LINKER}:${linkers}`, source, 1);
  try {
    host.linkModule(linker);
  } catch (error) {
    throw explained(error, graph);
  }
};

/** The same graph is linked by V8, which tells the line of the import. */
const explained = (error: unknown, graph: readonly ModuleRecord[]): unknown => {
  // What is added while it is walked is walked, too.
  const reached = new Set(graph);
  for (const record of reached) for (const each of record.linked ?? []) reached.add(each);
  const all = [...reached];
  const problem = host.explainLinking(
    JSON.stringify(
      all.map(({ url, body, linked }) => ({
        url,
        ...('steps' in body ? { exports: body.exports } : { source: body.source }),
        linked: (linked ?? []).map((each) => all.indexOf(each)),
      })),
    ),
    graph.length - 1,
  );
  return problem === undefined ? error : syntaxError(problem);
};

/** Before exports of a synthetic module are set or looked at. */
export const ensureLinked = (record: ModuleRecord): ModuleAddress => {
  const address = compile(record);
  if (host.moduleStatus(address) < LINKED) link(record, [record]);
  return address;
};

/** Whether a module or one that it leads to awaits something outside of functions. */
export const isAsync = (record: ModuleRecord, seen = new Set<ModuleRecord>()): boolean => {
  if (seen.has(record)) return false;
  seen.add(record);
  return record.hasTopLevelAwait || (record.linked ?? []).some((each) => isAsync(each, seen));
};

export const startModules = (): void => {
  host.setModuleHooks(resolveRequest, loadModule);
  if (!host.checkModules())
    throw new Error('modules of this QuickJS are made in another way than native/modules.c says');
};
