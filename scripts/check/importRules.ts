import { posix } from "node:path";

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** What the files of one place may import. A file answers to every rule whose place it is in. */
interface Rule {
  readonly place: RegExp;
  readonly refuses: (specifier: Specifier) => boolean;
  readonly because: string;
}

interface Specifier {
  readonly text: string;
  /** It names only types, which are gone when the program runs. */
  readonly isType: boolean;
  /** Where a relative one leads, from the root of the repository. */
  readonly target: string | undefined;
}

const PARTS = ["node", "coordinator", "plugin"];
/** Where one gateway is a whole cluster; the rest of the plugin loads it only then. */
const STANDALONE = /^plugin\/standalone\//;
const isTest = /\.test\.ts$/;

const RULES: readonly Rule[] = [
  ...PARTS.map((part) => ({
    place: new RegExp(`^${part}/(?!standalone/)`),
    refuses: ({ text, target }: Specifier) =>
      target !== undefined
        ? !target.startsWith(`${part}/`)
        : isWorkspace(text) && !text.startsWith("@yonexus/protocol/") && !text.startsWith(`@yonexus/${part}`),
    because: `${part} imports only @yonexus/protocol/… and its own files`,
  })),
  {
    place: STANDALONE,
    refuses: ({ text, target }) =>
      target !== undefined
        ? !target.startsWith("plugin/")
        : isWorkspace(text) && !/^@yonexus\/(?:protocol\/|node$|coordinator$)/.test(text),
    because: "plugin/standalone imports protocol, node, coordinator and files of the plugin",
  },
  {
    place: /^protocol\//,
    refuses: ({ text, target }) => (target === undefined ? isWorkspace(text) : !target.startsWith("protocol/")),
    because: "protocol imports no other part and reaches its own files by relative paths",
  },
  {
    place: /^protocol\/wire\//,
    refuses: ({ text, target }) => (target === undefined ? isInputOutput(text) : !target.startsWith("protocol/wire/")),
    because: "the wire layer is pure: no input or output, and nothing but its own files",
  },
  {
    place: /^scripts\/(?:check|lib)\//,
    refuses: ({ text }) => isWorkspace(text),
    because: "checks and installation run before, and without, what they look at",
  },
  {
    place: /\.ts$/,
    refuses: ({ text, target }) => target !== undefined && !/\.(?:ts|mjs|json)$/.test(text),
    because: "a relative import ends in .ts",
  },
];

/** One sentence for each import that breaks a rule. */
export function importProblems(files: readonly SourceFile[]): string[] {
  const sources = files.map(({ path, text }) => ({ path, specifiers: specifiersOf(path, text) }));
  const machine = stateMachine(sources);
  return sources.flatMap(({ path, specifiers }) => {
    const rules = [
      // A test beside a pure file may read its vectors from the disk; who may import whom holds for it as well.
      ...RULES.filter(({ place, because }) => place.test(path) && !(isTest.test(path) && because.includes("pure"))),
      ...(machine.has(path) ? [STATE_MACHINE_RULE] : []),
    ];
    return specifiers.flatMap((specifier) =>
      rules
        // What stands in for the rest of the world in tests is shared by all parts.
        .filter(() => !(isTest.test(path) && specifier.target?.startsWith("test/support/")))
        .filter(({ refuses }) => refuses(specifier))
        .map(({ because }) => `${path} imports "${specifier.text}": ${because}.`),
    );
  });
}

interface Source {
  readonly path: string;
  readonly specifiers: readonly Specifier[];
}

const STATE_MACHINE_RULE: Pick<Rule, "refuses" | "because"> = {
  refuses: ({ text, target, isType }) => {
    // Types are gone when it runs: the machine may name what a store answers without being able to ask it.
    if (isType) return false;
    if (target !== undefined) return !target.startsWith("node/session/");
    return isInputOutput(text) || (isWorkspace(text) && !/^@yonexus\/protocol\/wire(?:\/basics)?$/.test(text));
  },
  because: "the state machine, and all it is made of, is pure: it knows node/session and the wire layer",
};

/** The files of the state machine: `transition…` and `state…`, and what they import. */
function stateMachine(sources: readonly Source[]): ReadonlySet<string> {
  const found = new Set(
    sources
      .map(({ path }) => path)
      .filter((path) => /^node\/session\/(?:transition|state)/.test(path) && !isTest.test(path)),
  );
  // A set's iteration also visits what is added on the way.
  for (const path of found) {
    const imported = sources.find((source) => source.path === path)?.specifiers ?? [];
    for (const { target, isType } of imported) if (!isType && target?.startsWith("node/session/")) found.add(target);
  }
  return found;
}

function specifiersOf(path: string, text: string): Specifier[] {
  return importSpecifiers(text).map((specifier) => ({
    ...specifier,
    target: specifier.text.startsWith(".") ? posix.join(posix.dirname(path), specifier.text) : undefined,
  }));
}

const FORMS = [
  /(?:^|[\s;}])(?:import|export)\s(?<clause>[^;"'`]*?)\sfrom\s*["'](?<text>[^"']+)["']/gu,
  /(?:^|[\s;}])(?:import|export)\s*(?<clause>[{*][^;"'`]*?)\bfrom\s*["'](?<text>[^"']+)["']/gu,
  /(?:^|[\s;}])import\s*["'](?<text>[^"']+)["']/gu,
  /\b(?:import|require)\s*\(\s*["'`](?<text>[^"'`]+)["'`]/gu,
];

/**
 * What all static and dynamic imports and re-exports name, each once. Whole-line comments do not count. Where a file
 * imports types and values from one place, `isType` is false.
 */
export function importSpecifiers(text: string): { text: string; isType: boolean }[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gmu, "");
  const found = new Map<string, boolean>();
  for (const form of FORMS) {
    for (const { groups } of code.matchAll(form)) {
      const specifier = groups?.text ?? "";
      // `import { type A }` still loads the module, as verbatimModuleSyntax says.
      const isType = /^type\s+(?!from\b)/u.test(groups?.clause ?? "");
      found.set(specifier, isType && found.get(specifier) !== false);
    }
  }
  return Array.from(found, ([specifier, isType]) => ({ text: specifier, isType }));
}

function isWorkspace(specifier: string): boolean {
  return specifier.startsWith("@yonexus/");
}

function isInputOutput(specifier: string): boolean {
  if (/^(?:ws|ioredis|bullmq|pino)(?:\/|$)/.test(specifier)) return true;
  return specifier.startsWith("node:") && !/^node:assert(?:\/|$)/.test(specifier);
}
