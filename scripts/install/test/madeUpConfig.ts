import fc from "fast-check";

/** A configuration as people write it: comments, blank lines and trailing commas in places that nobody foresees. */
export interface MadeUpConfig {
  readonly value: Record<string, unknown>;
  readonly text: string;
}

const key = fc.oneof(fc.constantFrom("gateway", "agents", "note"), fc.string({ maxLength: 5 })).filter(isFree);
const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, "// no comment", "}", "/*", ",", "ünï", '"'),
);
const other: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(key, scalar, { maxKeys: 3 }),
);
const others = fc.dictionary(key, other, { maxKeys: 3 });
const enabled = fc.option(fc.boolean(), { nil: undefined });
const entry = fc.tuple(others, enabled).map(([rest, on]) => present({ config: rest, enabled: on }));
const ids = fc.constantFrom("browser", "yonexus-server", "memory-core", "Yonexus-Server");
const plugins = fc
  .tuple(
    fc.option(fc.tuple(others, fc.option(entry, { nil: undefined })), { nil: undefined }),
    fc.option(fc.uniqueArray(ids, { maxLength: 3, selector: (id) => id.toLowerCase() }), { nil: undefined }),
    others,
  )
  .map(([entries, allow, rest]) =>
    present({
      ...rest,
      entries: entries === undefined ? undefined : present({ ...entries[0], "yonexus-server": entries[1] }),
      allow,
    }),
  );
const space = fc.constantFrom("", "", " ", "\n", "\n  ", "\r\n\t", " /* kept, as it is */ ", " // kept\n    ", "/**/");

export const madeUpConfig: fc.Arbitrary<MadeUpConfig> = fc
  .tuple(others, fc.option(plugins, { nil: undefined }), fc.array(space, { minLength: 1, maxLength: 24 }), fc.nat(3))
  .map(([rest, found, spaces, commas]) => {
    const value = present({ ...rest, plugins: found });
    let next = 0;
    const gap = () => spaces[next++ % spaces.length] ?? "";
    return { value, text: `${gap()}${render(value, gap, commas)}${gap()}` };
  });

/** As editors write it: two spaces, and nothing else. */
export const plainConfig = madeUpConfig.map(({ value }) => `${JSON.stringify(value, undefined, 2)}\n`);

function render(value: unknown, gap: () => string, commas: number): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map((element) => gap() + render(element, gap, commas))
    : Object.entries(value).map(
        ([name, inner]) => `${gap()}${JSON.stringify(name)}${gap()}:${gap()}${render(inner, gap, commas)}`,
      );
  const body = parts.join(`${gap()},`);
  const tail = parts.length > 0 && commas === 0 ? `${gap()},${gap()}` : gap();
  return Array.isArray(value) ? `[${body}${tail}]` : `{${body}${tail}}`;
}

/** Without what is undefined. */
function present(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
}

/** Keys that mean something to the installer come in their own places only. */
function isFree(name: string): boolean {
  return !/^(?:\$include|plugins|entries|allow|deny|enabled|load|__proto__)$/u.test(name) && !/yonexus/iu.test(name);
}
