import type { Static, TInteger, TLiteral, TObject, TOptional, TProperties, TString } from "typebox";
import { Compile } from "typebox/compile";
import { Check } from "typebox/value";

/** The schema of one builtin message, as `defineMessage` makes it. */
export type MessageSchema = TObject<{
  type: TLiteral<string>;
  requestId: TOptional<TString>;
  timestamp: TOptional<TInteger>;
  payload: TObject<TProperties>;
}>;

/** What the messages of one direction are checked against, in both directions of the codec. */
export interface Envelope<Message> {
  /** The declared fields of the value and no other, unchecked; undefined when `type` is none of this direction. */
  pick(source: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined;
  /** Whether a picked value is a message. */
  accepts(picked: unknown): picked is Message;
  /** Names the first wrong field of a picked value and says what it must be. Never shows a value. */
  explain(picked: Readonly<Record<string, unknown>>): string;
}

/**
 * Compiles the schemas of one direction. This is done once, when the module is loaded.
 *
 * Picking before checking is what drops unknown fields on the way in, and what keeps a stray property (a pairing code, a
 * secret) of a program's object off the wire on the way out.
 */
export function compileEnvelope<Schema extends MessageSchema>(schemas: readonly Schema[]): Envelope<Static<Schema>> {
  const compiled = new Map(
    schemas.map((schema) => [schema.properties.type.const, { schema, validator: Compile(schema) }] as const),
  );
  const entryOf = (type: unknown) => (typeof type === "string" ? compiled.get(type) : undefined);
  return {
    pick(source) {
      const entry = entryOf(source.type);
      if (entry === undefined) return undefined;
      const picked = pickFields(entry.schema.properties, source);
      if (isRecord(picked.payload)) {
        picked.payload = pickFields(entry.schema.properties.payload.properties, picked.payload);
      }
      return picked;
    },
    accepts(picked): picked is Static<Schema> {
      return isRecord(picked) && entryOf(picked.type)?.validator.Check(picked) === true;
    },
    explain(picked) {
      const schema = entryOf(picked.type)?.schema;
      if (schema === undefined) return "type names no message of this direction";
      const payload = picked.payload;
      const wrong = isRecord(payload)
        ? (wrongField(schema.properties.payload, payload, "payload.") ?? wrongField(schema, picked, ""))
        : "payload must be a JSON object";
      return `${schema.properties.type.const}: ${wrong ?? "the message does not match its schema"}`;
    },
  };
}

/** Whether the value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pickFields(fields: TProperties, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const name in fields) {
    // Own properties only: nothing that a message says may come from a prototype.
    if (Object.hasOwn(source, name) && source[name] !== undefined) picked[name] = source[name];
  }
  return picked;
}

function wrongField(schema: TObject, value: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const required: readonly string[] = schema.required ?? [];
  for (const [name, field] of Object.entries(schema.properties)) {
    const expected = "description" in field ? `${field.description}` : "as the protocol says";
    if (!Object.hasOwn(value, name)) {
      if (required.includes(name)) return `${path}${name} is missing; it must be ${expected}`;
    } else if (!Check(field, value[name])) {
      return `${path}${name} must be ${expected}`;
    }
  }
  return undefined;
}
