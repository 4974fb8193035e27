import type { RedisConnection } from "./connection.ts";
import { RecordError } from "./errors.ts";
import { SCRIPTS, type ScriptName } from "./luaSources.ts";

export type ScriptArgument = string | number;
type Command = (this: unknown, ...args: ScriptArgument[]) => Promise<unknown>;

/**
 * Runs a script of `lua/` by its name. The connection defined them all when it opened (`defineCommand`): ioredis sends
 * EVALSHA, and the text when Redis does not know it yet. What is asked in one tick goes out together at its end.
 */
export async function runScript(
  redis: RedisConnection,
  name: ScriptName,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<ScriptReply> {
  return asReply(name, await commandOf(redis, name).apply(redis, [...keyCount(name, keys), ...keys, ...args]));
}

/** The same at once, where its caller has waited for the end of the tick. Not on a Redis Cluster. */
export async function runScriptAtOnce(
  redis: RedisConnection,
  name: ScriptName,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<ScriptReply> {
  const pipeline = redis.pipeline();
  // What a pipeline's command answers is the pipeline; its own answer comes with all the others.
  void commandOf(redis, name).apply(pipeline, [...keyCount(name, keys), ...keys, ...args]);
  const [[error, reply] = []] = (await pipeline.exec()) ?? [];
  if (error) throw error;
  return asReply(name, reply);
}

function commandOf(redis: RedisConnection, name: ScriptName): Command {
  const command = (redis as unknown as Record<string, Command | undefined>)[name];
  if (command === undefined) throw new RecordError(`The connection knows no script ${name}: open it for commands.`);
  return command;
}

/** Of a script that takes keys for each item the number is told; of the others ioredis knows it. */
function keyCount(name: ScriptName, keys: readonly string[]): readonly number[] {
  const { numberOfKeys }: { readonly lua: string; readonly numberOfKeys?: number } = SCRIPTS[name];
  return numberOfKeys === undefined ? [keys.length] : [];
}

function asReply(name: ScriptName, reply: unknown): ScriptReply {
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

  /** The texts from a place on. */
  texts(from: number): string[] {
    return this.#values.slice(from).map((_, index) => this.text(from + index));
  }

  /** A whole number at a place; 0 where Redis had nothing. */
  number(index: number): number {
    const value = Number(this.#values[index] ?? 0);
    if (!Number.isFinite(value)) throw new RecordError(`The script ${this.#name} answered with no number at ${index}.`);
    return value;
  }
}
