import { join } from "node:path";
import { Child, type Commands } from "../bench/childProcess.ts";
import { allEnded } from "./allEnded.ts";
import type { ClusterPlace } from "./clusterPlace.ts";
import type { FollowerLine, FollowerPlace, FollowersCommands } from "./followersProcess.ts";
import type { HandlerCommands } from "./handlerProcess.ts";
import { readJournal } from "./journal.ts";
import type { SenderCommands } from "./senderProcess.ts";

export interface Load {
  readonly delivery: "queued" | "live";
  readonly toFollowersPerSecond: number;
  readonly fromFollowersPerSecond: number;
  readonly paddingBytes: number;
}

export interface LoadProgramsOptions {
  readonly place: ClusterPlace;
  /** Where all of them write down what they do. */
  readonly folder: string;
  /** By process. */
  readonly followers: readonly (readonly FollowerPlace[])[];
  readonly handlers: number;
  /** Of a handler's replica. */
  readonly leaseMs: number;
  /** How long a handler works at a message. */
  readonly workMs: number;
  /** Of a follower. */
  readonly silenceTimeoutMs: number;
}

type Program = "sender" | "handler" | "followers";
const PROGRAMS: Readonly<Record<Program, URL>> = {
  sender: new URL("./senderProcess.ts", import.meta.url),
  handler: new URL("./handlerProcess.ts", import.meta.url),
  followers: new URL("./followersProcess.ts", import.meta.url),
};

/** The programs around a cluster: a sender, the replicas of a handler, and the followers. Each can be killed and has a successor. */
export class LoadPrograms {
  readonly #options: LoadProgramsOptions;
  readonly #started: Child<Commands>[] = [];
  readonly #followers: Child<FollowersCommands>[] = [];
  readonly #handlers: Child<HandlerCommands>[] = [];
  #sender: Child<SenderCommands> | undefined;
  #load: Load | undefined;

  constructor(options: LoadProgramsOptions) {
    this.#options = options;
  }

  get followerProcesses(): number {
    return this.#options.followers.length;
  }

  journal(of: "toFollowers" | "fromFollowers" | "followers" | "handlers", index = 0): string {
    return join(this.#options.folder, `${of}-${index}.jsonl`);
  }

  async start(): Promise<void> {
    const handlers = Array.from({ length: this.#options.handlers }, (_, index) => index);
    await allEnded([
      this.#startSender(),
      ...handlers.map((index) => this.#startHandler(index)),
      ...this.#options.followers.map((_, index) => this.#startFollowers(index)),
    ]);
  }

  async startLoad(load: Load): Promise<void> {
    this.#load = load;
    await Promise.all([this.#sendOut(), ...this.#followers.map((_, index) => this.#sendIn(index))]);
  }

  /** Kills the sender; its successor goes on by its journal. */
  async replaceSender(): Promise<void> {
    await this.#sender?.kill();
    await this.#startSender();
    await this.#sendOut();
  }

  async replaceHandler(index: number): Promise<void> {
    await this.#handlers[index]?.kill();
    await this.#startHandler(index);
  }

  async replaceFollowers(index: number): Promise<void> {
    await this.#followers[index]?.kill();
    await this.#startFollowers(index);
    await this.#sendIn(index);
  }

  /** Ends the load, and waits for so long at most until each message has a final answer. */
  async finishLoad(timeoutMs: number): Promise<void> {
    await Promise.all([
      this.#sender?.call("finish", { timeoutMs }),
      ...this.#followers.map((child) => child.call("finish", { timeoutMs })),
    ]);
  }

  /** The followers that have a session by their own account. */
  async present(): Promise<ReadonlySet<string>> {
    return new Set((await Promise.all(this.#followers.map((child) => child.call("present")))).flat());
  }

  /** What nodes refused followers, each once. */
  refusals(): string[] {
    const lines = this.#options.followers.flatMap((_, index) =>
      readJournal<FollowerLine>(this.journal("followers", index)),
    );
    return [...new Set(lines.flatMap((line) => (line.kind === "refused" ? [line.why] : [])))];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map((child) => child.kill()));
  }

  async #startSender(): Promise<void> {
    this.#sender = await this.#start<SenderCommands>("sender");
    await this.#sender.call("open", this.#options.place);
  }

  async #startHandler(index: number): Promise<void> {
    const child = await this.#start<HandlerCommands>("handler");
    this.#handlers[index] = child;
    const { place, leaseMs, workMs } = this.#options;
    const how = { worker: `handler-${child.pid}`, leaseMs, workMs, journal: this.journal("handlers") };
    await child.call("handle", { ...place, ...how });
  }

  async #startFollowers(index: number): Promise<void> {
    const child = await this.#start<FollowersCommands>("followers");
    this.#followers[index] = child;
    const followers = this.#options.followers[index] ?? [];
    const { silenceTimeoutMs } = this.#options;
    const how = { worker: `followers-${child.pid}`, silenceTimeoutMs, journal: this.journal("followers", index) };
    await child.call("start", { followers, ...how });
  }

  async #start<C extends Commands>(program: Program): Promise<Child<C>> {
    const child = await Child.start<C>(PROGRAMS[program], program);
    this.#started.push(child as unknown as Child<Commands>);
    return child;
  }

  async #sendOut(): Promise<void> {
    if (this.#load === undefined) return;
    const { toFollowersPerSecond: perSecond, delivery, paddingBytes } = this.#load;
    const followers = this.#options.followers.flat().map(({ identifier }) => identifier);
    const journal = this.journal("toFollowers");
    await this.#sender?.call("send", { followers, perSecond, delivery, paddingBytes, name: "out", journal });
  }

  async #sendIn(index: number): Promise<void> {
    if (this.#load === undefined) return;
    const perSecond = this.#load.fromFollowersPerSecond / this.followerProcesses;
    const followers = (this.#options.followers[index] ?? []).map(({ identifier }) => identifier);
    const journal = this.journal("fromFollowers", index);
    await this.#followers[index]?.call("send", { followers, perSecond, name: "in", journal });
  }
}
