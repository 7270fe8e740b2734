/**
 * The manual pages: `wasmrun(1)`, and one for each command with all below it, as git and docker have them.
 * They are made of what `--help` is made of, so that a new command or option is in them by itself.
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { commandPath, visibleTree } from '../src/cli/command-tree.ts';
import { FIELD_NAMES, FIELDS } from '../src/config/fields.ts';
import { helpAfter, newProgram } from './command-line.ts';
import { FILES, EXIT_STATUSES } from './man-text.ts';
import { mdocArgument, mdocList, mdocLiteral, mdocParagraphs, mdocText, type MdocItem } from './mdoc.ts';

export interface ManPage {
  /** `wasmrun-os.1` */
  readonly file: string;
  /** In mdoc(7). */
  readonly text: string;
}

/** @param date - the day they are made */
export const manPages = (date: Date): ManPage[] => {
  const program = newProgram();
  const commands = visibleTree(program).filter(({ parent }) => parent === program);
  const names = commands.map(pageName);
  const others = (name: string) => [pageName(program), ...names].filter((other) => other !== name);
  return [program, ...commands].map((command): ManPage => {
    const name = pageName(command);
    const body = command === program ? overview(program, commands) : chapter(command);
    const lines = [...head(command, date), ...body, ...seeAlso(others(name))];
    return { file: `${name}.1`, text: `${lines.join('\n')}\n` };
  });
};

const pageName = (command: CommandUnknownOpts): string => commandPath(command).replaceAll(' ', '-');

const head = (command: CommandUnknownOpts, date: Date): string[] => [
  '.\\" Made by scripts/man-pages.ts of what --help says.',
  `.Dd ${date.toLocaleDateString('en-US', { dateStyle: 'long', timeZone: 'UTC' })}`,
  `.Dt ${pageName(command).toUpperCase()} 1`,
  '.Os wasmrun',
  '.Sh NAME',
  `.Nm ${pageName(command)}`,
  `.Nd ${mdocText(summaryOf(command))}`,
];

/** The page of the program itself. */
const overview = (program: CommandUnknownOpts, commands: readonly CommandUnknownOpts[]): string[] => {
  const { prose, sections } = readAfter(program);
  return [
    ...section('SYNOPSIS', synopsis(program)),
    ...section('DESCRIPTION', [...mdocParagraphs(program.description()), ...more(prose)]),
    ...section('COMMANDS', mdocList(commands.map(commandItem))),
    ...options(program, '.Sh'),
    ...section('ENVIRONMENT', mdocList(variables())),
    ...section('FILES', mdocList(FILES.map(({ path, text }) => ({ tag: `Pa ${mdocArgument(path)}`, text })))),
    ...section('EXIT STATUS', mdocList(EXIT_STATUSES.map(({ status, text }) => ({ tag: status, text })))),
    ...afterwards(sections, '.Sh'),
  ];
};

/** The page of a command; of a group, with its commands. */
const chapter = (command: CommandUnknownOpts): string[] => {
  const { prose, sections } = readAfter(command);
  const below = visibleTree(command).slice(1);
  return [
    ...section('SYNOPSIS', below.length === 0 ? synopsis(command) : below.flatMap(synopsis)),
    ...section('DESCRIPTION', [...mdocParagraphs(command.description()), ...more(prose), ...args(command)]),
    ...options(command, '.Sh'),
    ...(below.length === 0 ? [] : ['.Sh COMMANDS', ...below.flatMap(subchapter)]),
    ...afterwards(sections, '.Sh'),
  ];
};

const subchapter = (command: CommandUnknownOpts): string[] => {
  const { prose, sections } = readAfter(command);
  return [
    `.Ss ${mdocArgument(commandPath(command))}`,
    ...mdocParagraphs(command.description()),
    ...more(prose),
    ...args(command),
    ...options(command, undefined),
    ...afterwards(sections, undefined),
  ];
};

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`.Sh ${title}`, ...lines];

const more = (prose: string): string[] => (prose === '' ? [] : ['.Pp', ...mdocParagraphs(prose)]);

/** Its words, then what its usage says, part by part. */
const synopsis = (command: CommandUnknownOpts): string[] => [
  `.Nm ${mdocArgument(commandPath(command))}`,
  ...(command.usage().match(/\[.*?\](?=\s|$)|<.*?>|\S+/g) ?? []).map((part) => {
    const inner = part.slice(1, -1);
    if (part.startsWith('[')) return `.Op ${mdocArgument(inner)}`;
    return part.startsWith('<') ? `.Ar ${mdocArgument(inner)}` : `.No ${mdocArgument(part)}`;
  }),
];

const summaryOf = (command: CommandUnknownOpts): string => {
  const [sentence = ''] = (command.summary() || command.description()).split('\n\n');
  return sentence.replaceAll('\n', ' ').replace(/\.$/, '');
};

const commandItem = (command: CommandUnknownOpts): MdocItem => ({
  tag: `Xr ${pageName(command)} 1`,
  text: summaryOf(command),
});

const args = (command: CommandUnknownOpts): string[] => {
  const described = command.createHelp().visibleArguments(command);
  if (described.length === 0) return [];
  const items = described.map((argument) => ({
    tag: `Ar ${mdocArgument(argument.name())}`,
    text: command.createHelp().argumentDescription(argument),
  }));
  return mdocList(items);
};

/**
 * Options, by their groups.
 * @param title - the macro of a heading above them; absent inside of a part that has one
 */
const options = (command: CommandUnknownOpts, title: '.Sh' | undefined): string[] => {
  const help = command.createHelp();
  const visible = help.visibleOptions(command);
  const groups = Map.groupBy(visible, ({ helpGroupHeading }) => helpGroupHeading ?? 'Options:');
  const lists = [...groups].map(([heading, group]) => {
    const items = group.map((option) => ({ tag: flags(option.flags), text: help.optionDescription(option) }));
    return { heading: heading.replace(/:$/, ''), lines: mdocList(items) };
  });
  if (title === undefined) return lists.flatMap(({ lines }) => lines);
  if (lists.length === 1) return [`${title} OPTIONS`, ...lists.flatMap(({ lines }) => lines)];
  return [
    `${title} OPTIONS`,
    ...lists.flatMap(({ heading, lines }) => [`.Ss ${mdocArgument(heading)}`, ...lines]),
  ];
};

/** `-V, --version` and `--forward <spec>`; Fl writes one hyphen itself. */
const flags = (text: string): string =>
  text
    .split(/[ ,]+/)
    .map((part) =>
      part.startsWith('-') ? `Fl ${mdocArgument(part.slice(1))}` : `Ar ${mdocArgument(part.slice(1, -1))}`,
    )
    .join(' ')
    .replace(/^(Fl \S+) Fl/, '$1 , Fl');

/** What stands below the options in the help. */
interface After {
  /** Paragraphs without a heading. */
  readonly prose: string;
  readonly sections: readonly {
    readonly title: string;
    readonly lines: readonly string[];
    readonly isLiteral: boolean;
  }[];
}

/** The conventional order, mdoc(7) "MANUAL STRUCTURE"; all others come before. */
const ORDER = ['Exit status', 'Examples'];

/** `Title:` above indented lines, or `Title: and a sentence`. */
const readAfter = (command: CommandUnknownOpts): After => {
  const prose: string[] = [];
  const sections: After['sections'][number][] = [];
  for (const block of helpAfter(command).trim().split(/\n\n+/)) {
    const [, title, sentence = ''] =
      /^([A-Z][a-z]+(?: [a-z]+)?):(?: (.*))?$/m.exec(block.split('\n', 1)[0] ?? '') ?? [];
    if (title === undefined) prose.push(block);
    else {
      const [, ...lines] = block.split('\n');
      const isLiteral = sentence === '';
      sections.push({ title, lines: isLiteral ? lines : [sentence, ...lines], isLiteral });
    }
  }
  sections.sort((one, other) => ORDER.indexOf(one.title) - ORDER.indexOf(other.title));
  return { prose: prose.join('\n\n').trim(), sections };
};

const afterwards = (sections: After['sections'], title: '.Sh' | undefined): string[] =>
  sections.flatMap(({ title: name, lines, isLiteral }) => [
    ...(title === undefined ? ['.Pp', `${mdocText(name)}:`] : [`${title} ${mdocText(name.toUpperCase())}`]),
    ...(isLiteral ? mdocLiteral(lines) : lines.map(mdocText)),
  ]);

/** Environment variables, each with the setting that it is. */
const variables = (): MdocItem[] =>
  FIELD_NAMES.flatMap((name) => {
    const { variable, flag } = FIELDS[name] as { variable?: string; flag?: string };
    if (variable === undefined) return [];
    const text = `The setting ${name} of .wasmrun.toml${flag === undefined ? '' : `, or ${flag}`}.`;
    return [{ tag: `Ev ${variable}`, text }];
  });

const seeAlso = (pages: readonly string[]): string[] => [
  '.Sh SEE ALSO',
  ...pages.toSorted().map((page, index) => `.Xr ${page} 1${index === pages.length - 1 ? '' : ' ,'}`),
];
