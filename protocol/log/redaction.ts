const CENSORED = "[redacted]";

/** Names of values that are never written, wherever they stand: any that has one of these in it, however it is spelled. */
const SECRET_NAME =
  /secret|passw|passphrase|token|signature|nonce|masterkey|privatekey|authorization|cookie|csrf|credential|pairingcode/u;
/** Names of values that are never written, and that are parts of names of others. */
const SECRET_NAMES = new Set(["code", "content", "frame", "body", "key", "redisurl"]);

/** What stands in a text by mistake: the other net, under the names. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  // Of a URL what stands before the host.
  [/\/\/[^\s/@"']*@/gu, `//${CENSORED}@`],
  // A pairing code.
  [/(?<![0-9A-Za-z-])[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?![0-9A-Za-z-])/gu, CENSORED],
  // 32 bytes or more in base64: keys, shared secrets, signatures.
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42,}={1,2}/gu, CENSORED],
  // A bot's token.
  [/(?<![\w.-])[\w-]{18,}\.[\w-]{5,}\.[\w-]{20,}/gu, CENSORED],
  // What Redis repeats of a command that it does not know.
  [/(?<=with args beginning with: ).*/gu, CENSORED],
];

/** Bounds of what one line holds. */
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_TEXT = 8_000;

/** A text without what looks like a secret. */
export function redactText(text: string): string {
  let clean = text;
  for (const [pattern, instead] of SECRET_TEXTS) clean = clean.replace(pattern, instead);
  return clean;
}

/**
 * A copy of what is to be logged, of plain values only: by the names in it nothing secret is left, at whatever depth, in lists,
 * maps, errors and what caused them. Bounded; what was cut off shows.
 */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return fieldsOf(Object.entries(fields), [fields]);
}

function fieldsOf(
  entries: readonly (readonly [string, unknown])[],
  around: readonly object[],
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of entries.slice(0, MAX_ITEMS))
    copy[name] = isSecret(name, value) ? CENSORED : copyOf(value, around);
  if (entries.length > MAX_ITEMS) copy["…"] = `${entries.length - MAX_ITEMS} more`;
  return copy;
}

/** A number or a yes or no under such a name counts something. */
function isSecret(name: string, value: unknown): boolean {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") return false;
  const spelled = name.toLowerCase().replace(/[^a-z]/gu, "");
  return SECRET_NAME.test(spelled) || SECRET_NAMES.has(spelled);
}

function copyOf(value: unknown, around: readonly object[]): unknown {
  if (typeof value === "string") return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return "[function]";
  if (typeof value !== "object" || value === null) return value;
  if (around.includes(value)) return "[itself]";
  if (around.length >= MAX_DEPTH) return "[deeper]";
  const inside = [...around, value];
  if (value instanceof Error) return errorOf(value, inside);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date || value instanceof URL) return String(value instanceof Date ? value.toJSON() : value.href);
  if (value instanceof Map) {
    return fieldsOf(
      Array.from(value, ([name, each]) => [String(name), each] as const),
      inside,
    );
  }
  const items = value instanceof Set ? [...value] : value;
  if (Array.isArray(items)) {
    const rest = items.length > MAX_ITEMS ? [`${items.length - MAX_ITEMS} more`] : [];
    return [...items.slice(0, MAX_ITEMS).map((item) => copyOf(item, inside)), ...rest];
  }
  // A configuration says by itself what may be shown of it.
  if ("toJSON" in value && typeof value.toJSON === "function") return copyOf(value.toJSON(), inside);
  return fieldsOf(Object.entries(value), inside);
}

/** The code of an error names its kind; it is none of those that people relay. */
function errorOf(error: Error, around: readonly object[]): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code =
    "code" in error && (typeof error.code === "string" || typeof error.code === "number") ? error.code : undefined;
  const own = Object.entries(error)
    .filter(([key]) => !["name", "message", "stack", "code", "cause"].includes(key))
    .map(([key, value]) => [key, key === "command" ? commandName(value) : value] as const);
  const errors = error instanceof AggregateError ? { errors: copyOf(error.errors, around) } : {};
  return {
    type: error.constructor.name || name,
    message: copyOf(message, around),
    stack: copyOf(stack, around),
    ...(code === undefined ? {} : { code }),
    ...fieldsOf(own, around),
    ...errors,
    ...(cause === undefined ? {} : { cause: copyOf(cause, around) }),
  };
}

/** ioredis keeps the command with its error: the arguments are what people wrote, proofs, and secrets. */
function commandName(command: unknown): unknown {
  if (typeof command !== "object" || command === null) return command;
  return "name" in command && typeof command.name === "string" ? { name: command.name } : {};
}
