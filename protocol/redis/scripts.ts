import type { RedisConnection } from "./connection.ts";
import { RecordError } from "./errors.ts";
import type { ScriptName } from "./luaSources.ts";

export type ScriptArgument = string | number;
type Command = (...args: ScriptArgument[]) => Promise<unknown>;

/**
 * Runs a script of `lua/` by its name. The connection defined them all when it opened (`defineCommand`): ioredis sends
 * EVALSHA, and the text when Redis does not know it yet.
 */
export async function runScript(
  redis: RedisConnection,
  name: ScriptName,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<ScriptReply> {
  const command = (redis as unknown as Record<string, Command | undefined>)[name];
  if (command === undefined) throw new RecordError(`The connection knows no script ${name}: open it for commands.`);
  const reply: unknown = await command.apply(redis, [...keys, ...args]);
  if (!Array.isArray(reply)) throw new RecordError(`The script ${name} answered in an unknown shape.`);
  return new ScriptReply(name, reply);
}

/** A script's answer: an array whose first element is the outcome's name. */
export class ScriptReply {
  readonly #name: string;
  readonly #values: readonly unknown[];

  constructor(name: string, values: readonly unknown[]) {
    this.#name = name;
    this.#values = values;
  }

  /** The outcome, which must be one of those given. */
  outcome<T extends string>(...known: readonly T[]): T {
    const value = this.text(0);
    const found = known.find((outcome) => outcome === value);
    if (found === undefined)
      throw new RecordError(`The script ${this.#name} answered with the unknown outcome ${value}.`);
    return found;
  }

  /** Text at a place; empty where Redis had nothing. */
  text(index: number): string {
    const value = this.#values[index];
    if (value === null || value === undefined || value === false) return "";
    return typeof value === "string" ? value : String(value);
  }

  /** A whole number at a place; 0 where Redis had nothing. */
  number(index: number): number {
    const value = Number(this.#values[index] ?? 0);
    if (!Number.isFinite(value)) throw new RecordError(`The script ${this.#name} answered with no number at ${index}.`);
    return value;
  }
}
