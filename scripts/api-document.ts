/**
 * Writes down what `src/index.ts` exports, in the words of its docstrings. TypeDoc does not know TypeScript 7 yet; its
 * own programming interface, of which it says that it may change, answers all that is asked here.
 */
import { fileURLToPath } from 'node:url';
import { API, NodeBuilderFlags, SignatureKind, SymbolFlags } from 'typescript/unstable/sync';
import type { Checker, InterfaceType, Project, Symbol as TsSymbol, Type } from 'typescript/unstable/sync';
import { isMethodDeclaration } from 'typescript/unstable/ast/is';
import type { MethodDeclaration, Node, ParameterDeclaration } from 'typescript/unstable/ast';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

const HEAD = `# The library

Written from the docstrings by \`npm run docs:api\`; README.md has examples.

\`import { Sandbox } from 'wasmrun'\` works on Node 24 and newer. Whatever is thrown is a [WasmrunError](#wasmrunerror) or
the reason of an aborted signal.
`;

/** Types of the language, of Node and of zod, which explain themselves elsewhere. */
const FOREIGN: ReadonlySet<string> = new Set(
  'AbortSignal,Array,AsyncDisposable,AsyncIterable,Error,Infinity,NaN,Promise,Readonly,Record,Symbol'.split(
    ',',
  ),
);

/** The text of docs/api.md. */
export const describeApi = (): string => {
  const api = new API({ cwd: ROOT });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [`${ROOT}tsconfig.build.json`] });
    const [project] = snapshot.getProjects();
    if (project === undefined) throw new Error('tsconfig.build.json is no project');
    return new ApiDocument(project).text();
  } finally {
    api.close();
  }
};

interface Export {
  readonly name: string;
  readonly symbol: TsSymbol;
}

class ApiDocument {
  readonly #project: Project;
  readonly #checker: Checker;
  readonly #exports: readonly Export[];
  /** What the checker writes out although it has a name, longest first. */
  readonly #named: readonly (readonly [text: string, name: string])[];

  constructor(project: Project) {
    this.#project = project;
    this.#checker = project.checker;
    const file = project.program.getSourceFile(`${ROOT}src/index.ts`);
    const module = file && this.#checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error('src/index.ts exports nothing');
    this.#exports = this.#checker
      .getExportsOfModule(module)
      .map((each) => ({
        name: each.name,
        symbol: hasFlag(each, SymbolFlags.Alias) ? this.#checker.getAliasedSymbol(each) : each,
      }))
      // The class is what all others are about.
      .toSorted(
        (one, other) =>
          Number(other.name === 'Sandbox') - Number(one.name === 'Sandbox') || compare(one, other),
      );
    this.#named = this.#exports
      .flatMap(({ name, symbol }) => this.#writtenOut(symbol).map((text) => [text, name] as const))
      .toSorted(([one], [other]) => other.length - one.length);
  }

  text(): string {
    const text = [HEAD, ...this.#exports.map((each) => this.#section(each))].join('\n');
    this.#checkNames(text);
    return text;
  }

  #section({ name, symbol }: Export): string {
    const words = this.#words(symbol);
    if (words === '') throw new Error(`${name} has no docstring`);
    const parts = [`## ${name}\n`, `${words}\n`];
    if (hasFlag(symbol, SymbolFlags.Class)) {
      const statics = this.#checker.getPropertiesOfType(this.#typeOf(symbol));
      const members = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(symbol));
      parts.push(
        ...statics.filter(isPublic).map((member) => this.#member(`${name}.`, member)),
        ...members.filter(isPublic).map((member) => this.#member(`${instanceOf(name)}.`, member)),
      );
    } else if (hasFlag(symbol, SymbolFlags.Interface)) parts.push(this.#table(symbol));
    else if (hasFlag(symbol, SymbolFlags.TypeAlias)) {
      const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
      parts.push(`\`\`\`ts\ntype ${name} = ${this.#write(type, NodeBuilderFlags.InTypeAlias)};\n\`\`\`\n`);
    }
    return parts.join('\n');
  }

  /** A method or property of a class. */
  #member(owner: string, member: TsSymbol): string {
    const declaration = member.valueDeclaration?.resolve(this.#project);
    const name = member.name.startsWith('__@asyncDispose') ? '[Symbol.asyncDispose]' : member.name;
    const title = `${owner}${name}`.replace('.[', '[');
    const isMethod = declaration !== undefined && isMethodDeclaration(declaration);
    const signature = isMethod ? this.#signature(declaration) : `: ${this.#print(this.#typeOf(member))}`;
    const words = this.#words(member);
    return `### \`${title}${signature}\`\n${words === '' ? '' : `\n${words}\n`}`;
  }

  #signature({ parameters, type }: MethodDeclaration): string {
    const texts = parameters.map((parameter) => this.#parameter(parameter));
    return `(${texts.join(', ')}): ${this.#source(type)}`;
  }

  #parameter({ name, type, initializer, questionToken }: ParameterDeclaration): string {
    const source = this.#source(name);
    const isOptional = initializer !== undefined || questionToken !== undefined;
    return `${source.startsWith('{') ? 'options' : source}${isOptional ? '?' : ''}: ${this.#source(type)}`;
  }

  #table(symbol: TsSymbol): string {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    const rows = this.#checker.getPropertiesOfType(type).map((property) => {
      const isOptional = hasFlag(property, SymbolFlags.Optional);
      const [call] = this.#checker.getSignaturesOfType(this.#typeOf(property), SignatureKind.Call);
      const printed = this.#print(this.#typeOf(property));
      const shown = isOptional && call === undefined ? printed.replace(/ \| undefined$/, '') : printed;
      const words = this.#words(property).replaceAll('\n', ' ');
      return `| \`${property.name}${isOptional ? '?' : ''}\` | \`${shown.replaceAll('|', '\\|')}\` | ${words} |`;
    });
    return `| | | |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  }

  #words(symbol: TsSymbol): string {
    const tags = this.#checker.getJsDocTagsOfSymbol(symbol).map(({ name, text = '' }) => {
      if (name === 'param') return `- \`${text.replace(' - ', '`: ')}`;
      if (name === 'throws') return `- throws ${text.replace(/^\{(\w+)\}/, '`$1`:')}`;
      throw new Error(`${symbol.name}: what is @${name} to look like?`);
    });
    const words = this.#checker.getDocumentationCommentOfSymbol(symbol);
    return [words, tags.map(oneLine).join('\n')].filter((part) => part !== '').join('\n\n');
  }

  /** The type of a schema, or a long list of literals, as the checker prints it. */
  #writtenOut(symbol: TsSymbol): string[] {
    if (hasFlag(symbol, SymbolFlags.Interface)) {
      const type = this.#checker.getDeclaredTypeOfSymbol(symbol) as InterfaceType;
      return this.#checker
        .getBaseTypes(type)
        .map((base) => this.#write(base))
        .filter((text) => text.startsWith('Readonly<{'));
    }
    if (symbol.name !== 'ErrorCode') return [];
    return [this.#write(this.#checker.getDeclaredTypeOfSymbol(symbol), NodeBuilderFlags.InTypeAlias)];
  }

  #write(type: Type, flags: NodeBuilderFlags = 0): string {
    return this.#checker
      .typeToString(type, undefined, NodeBuilderFlags.NoTruncation | flags)
      .replaceAll('"', "'");
  }

  /** A type, with the names of all exported ones. */
  #print(type: Type): string {
    return this.#named.reduce((text, [written, name]) => text.replaceAll(written, name), this.#write(type));
  }

  #source(node: Node | undefined): string {
    if (node === undefined) throw new Error('a method of the library says what it returns');
    return oneLine(this.#project.emitter.printNode(node));
  }

  #typeOf(symbol: TsSymbol): Type {
    const type = this.#checker.getTypeOfSymbol(symbol);
    if (type === undefined) throw new Error(`${symbol.name} has no type`);
    return type;
  }

  /** Whoever uses a type may want its name. */
  #checkNames(text: string): void {
    const exported = new Set(this.#exports.map(({ name }) => name));
    const codes = text.match(/`[^`\n]+`/g) ?? [];
    const types = codes.flatMap(
      (code) => code.replaceAll(/'[^']*'/g, '').match(/(?<=[:|<(] ?)\b[A-Z]\w+[a-z]\w*\b/g) ?? [],
    );
    const missing = types.filter((name) => !exported.has(name) && !FOREIGN.has(name));
    if (missing.length > 0) throw new Error(`not exported: ${[...new Set(missing)].join(', ')}`);
  }
}

const hasFlag = ({ flags }: TsSymbol, flag: SymbolFlags): boolean => (flags & flag) !== 0;

/** Neither private nor of the language itself. */
const isPublic = (member: TsSymbol): boolean => {
  if (member.name === 'prototype' || /^__#\d+@#/.test(member.name)) return false;
  const declaration = member.valueDeclaration;
  return declaration !== undefined && declaration.path.startsWith(`${ROOT}src/`);
};

/** What an instance is called: `WasmrunError` → `error`. */
const instanceOf = (name: string): string => (/[A-Z][a-z]*$/.exec(name)?.[0] ?? name).toLowerCase();

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');

const compare = (one: Export, other: Export): number => (one.name < other.name ? -1 : 1);
