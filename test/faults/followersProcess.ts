import { createFollower, type Follower } from "@yonexus/protocol/client";
import { serveCommands } from "../bench/childProcess.ts";
import { Journal } from "./journal.ts";
import { type LoadOptions, NumberedLoad } from "./numberedLoad.ts";
import { WORK_RULE } from "./rules.ts";

export type FollowerLine =
  | {
      readonly kind: "handled";
      readonly at: number;
      readonly follower: string;
      readonly n: number;
      readonly entry: string;
      readonly worker: string;
      readonly connection: number;
    }
  | { readonly kind: "session"; readonly at: number; readonly follower: string; readonly connection: number }
  | {
      readonly kind: "over" | "stopped" | "gap" | "refused";
      readonly at: number;
      readonly follower: string;
      readonly why: string;
    };

export interface FollowerPlace {
  readonly identifier: string;
  readonly urls: readonly string[];
  readonly stateFile: string;
}

export interface Followers {
  readonly followers: readonly FollowerPlace[];
  readonly journal: string;
  /** Of this process among all of the run. */
  readonly worker: string;
  /** After how long in silence a link is given up (ms). */
  readonly silenceTimeoutMs: number;
}

const ANSWER_TIMEOUT_MS = 10_000;

const running = new Map<string, Follower>();
let load: NumberedLoad | undefined;

/** Followers as a program of their operator's would run them, with the library. */
const commands = {
  start({ followers, journal: path, worker, silenceTimeoutMs }: Followers): void {
    const journal = new Journal<FollowerLine>(path);
    for (const { identifier, urls, stateFile } of followers) {
      const follower = createFollower({
        url: urls,
        identifier,
        stateFile,
        reconnect: { minMs: 100, maxMs: 1_000 },
        handshakeTimeoutMs: silenceTimeoutMs,
        silenceTimeoutMs,
        stableAfterMs: 1_000,
      });
      running.set(identifier, follower);
      let connection = 0;
      const note = (kind: "over" | "stopped" | "gap" | "refused", why: string): void =>
        journal.write({ kind, at: Date.now(), follower: identifier, why });
      follower.on("message", ({ content, seq }) => {
        const n = Number(content.split("::")[1]);
        const entry = String(seq ?? "live");
        journal.write({ kind: "handled", at: Date.now(), follower: identifier, n, entry, worker, connection });
      });
      follower.on("authenticated", () => {
        connection += 1;
        journal.write({ kind: "session", at: Date.now(), follower: identifier, connection });
      });
      follower.on("disconnected", ({ code, reason }) => note("over", `${code} ${reason}`));
      follower.on("auth_failed", ({ reason }) => note("refused", reason));
      follower.on("error_frame", ({ code }) => note("refused", code));
      follower.on("gap", ({ fromSeq, toSeq, reason }) => note("gap", `${fromSeq} ${toSeq} ${reason}`));
      follower.on("stopped", ({ code, reason }) => note("stopped", `${code} ${reason}`));
      follower.connect().catch((error: unknown) => note("stopped", String(error)));
    }
  },

  /** Those that have a session now. */
  present(): string[] {
    return [...running].filter(([, { state }]) => state.phase === "authenticated").map(([identifier]) => identifier);
  },

  send({ journal, ...options }: LoadOptions & { journal: string }): void {
    load = new NumberedLoad(journal, options, async ({ follower, n, messageId }) => {
      const how = { id: messageId, timeoutMs: ANSWER_TIMEOUT_MS };
      const sent = await running.get(follower)?.send(WORK_RULE, String(n), how);
      const isAccepted = sent?.reached === "accepted";
      return {
        answer: isAccepted && sent.duplicate ? "duplicate" : (sent?.reached ?? "unknown follower"),
        final: isAccepted,
      };
    });
  },

  /** Answers how many messages have no final answer. */
  async finish({ timeoutMs }: { timeoutMs: number }): Promise<number> {
    return (await load?.finish(timeoutMs)) ?? 0;
  },
};
export type FollowersCommands = typeof commands;

serveCommands(commands);
