import type { ClientOptions } from "ws";
import { CAPABILITIES, type Capability, isIdentifier, knownCapabilities, LIMITS } from "../wire/basics.ts";
import type { Backoff } from "./backoff.ts";
import { type FollowerClock, systemClock } from "./clock.ts";
import type { CodeNeeded } from "./followerEvents.ts";
import type { FollowerStateStore } from "./savedState.ts";
import { createStateFile } from "./stateFile.ts";
import type { FollowerPolicy } from "./transitionTypes.ts";

interface CommonOptions {
  /**
   * The full `ws://` or `wss://` URL of a node or of the balancer before the nodes. Several are tried in turn: when one node
   * is gone the follower comes back to the next.
   */
  readonly url: string | readonly string[];
  /** The follower's name, as it stands in the server's allowlist. */
  readonly identifier: string;
  /**
   * What to ask the node for beyond version 1: `ack`, messages that are kept until they were handled, both ways. A server that
   * does not grant it is served as in version 1. `[]` asks for nothing.
   */
  readonly capabilities?: readonly Capability[];
  /** Bounds of the waits between connections (500 ms and 30 s), or false: stop at the first end of a connection. */
  readonly reconnect?: Partial<Backoff> | false;
  /** 5 minutes. After 7 without one the server calls the follower unstable, after 11 offline. */
  readonly heartbeatIntervalMs?: number;
  /** How long the node may take for each step of the handshake: 15 s. */
  readonly handshakeTimeoutMs?: number;
  /** A link on which nothing was heard for so long is given up: 75 s, 2.5 times the interval of a node's pings. */
  readonly silenceTimeoutMs?: number;
  /** A session that lasted so long starts the waits from the beginning again: 10 s. */
  readonly stableAfterMs?: number;
  /** The longest frame to send, in bytes: the limit of the nodes, 65,536 unless their operator changed it. */
  readonly maxFrameBytes?: number;
  /** How much may wait for the network or for an answer before `send` refuses, in bytes: 1 MiB. */
  readonly maxBufferedBytes?: number;
  /** How many messages may wait for an answer before `send` refuses: 1,000. */
  readonly maxUnanswered?: number;
  /** The same as a listener of `pairing`. */
  readonly onCodeNeeded?: (info: CodeNeeded) => unknown;
  /** Handed to `ws`: `headers`, `ca`, `agent` … */
  readonly webSocketOptions?: ClientOptions;
  /** For tests. */
  readonly clock?: FollowerClock;
  /** In [0, 1), for the jitter. For tests. */
  readonly random?: () => number;
}

/** Exactly one of `stateFile` (the path of a JSON file, made on the first run) and `state`. */
export type FollowerOptions = CommonOptions &
  (
    | { readonly stateFile: string; readonly state?: never }
    | { readonly state: FollowerStateStore; readonly stateFile?: never }
  );

/** The options with every default in its place. */
export interface FollowerSettings {
  readonly urls: readonly [string, ...string[]];
  readonly policy: FollowerPolicy;
  readonly state: FollowerStateStore;
  readonly silenceTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly maxBufferedBytes: number;
  readonly maxUnanswered: number;
  readonly webSocketOptions: ClientOptions;
  readonly clock: FollowerClock;
  readonly random: () => number;
}

/** The longest wait that a timer of the runtime can hold. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** @throws {TypeError} that names the option and says what it must be. */
export function readOptions(options: FollowerOptions): FollowerSettings {
  const urls = readUrls(options.url);
  if (typeof options.identifier !== "string" || !isIdentifier(options.identifier)) {
    throw new TypeError(
      `identifier must be 1 to ${LIMITS.identifier} characters of A-Z a-z 0-9 . _ - with a letter or digit first`,
    );
  }
  return {
    urls,
    policy: {
      identifier: options.identifier,
      capabilities: readCapabilities(options.capabilities),
      reconnect: readBackoff(options.reconnect),
      heartbeatIntervalMs: positive(options.heartbeatIntervalMs ?? 300_000, "heartbeatIntervalMs"),
      handshakeTimeoutMs: positive(options.handshakeTimeoutMs ?? 15_000, "handshakeTimeoutMs"),
      stableAfterMs: positive(options.stableAfterMs ?? 10_000, "stableAfterMs"),
    },
    state: readState(options),
    silenceTimeoutMs: positive(options.silenceTimeoutMs ?? 75_000, "silenceTimeoutMs"),
    maxFrameBytes: positive(options.maxFrameBytes ?? LIMITS.frameBytes, "maxFrameBytes"),
    maxBufferedBytes: positive(options.maxBufferedBytes ?? 1_048_576, "maxBufferedBytes"),
    maxUnanswered: positive(options.maxUnanswered ?? 1_000, "maxUnanswered"),
    webSocketOptions: options.webSocketOptions ?? {},
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

function readState({ state, stateFile }: FollowerOptions): FollowerStateStore {
  if ((state === undefined) === (stateFile === undefined)) {
    throw new TypeError("give either stateFile (a path) or state (a store)");
  }
  if (state !== undefined) return state;
  if (typeof stateFile !== "string" || stateFile === "") throw new TypeError("stateFile must be a path");
  return createStateFile(stateFile);
}

function readUrls(given: string | readonly string[]): readonly [string, ...string[]] {
  const [first, ...others] = typeof given === "string" ? [given] : given;
  if (first === undefined) throw new TypeError("url must name one node at least");
  for (const url of [first, ...others]) checkUrl(url);
  return [first, ...others];
}

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if ((url?.protocol !== "ws:" && url?.protocol !== "wss:") || url.hash !== "") {
    throw new TypeError("url must be a full ws:// or wss:// URL without a #fragment, such as wss://yonexus.example/");
  }
}

function readCapabilities(asked: readonly Capability[] = CAPABILITIES): readonly Capability[] {
  const known = Array.isArray(asked) ? knownCapabilities(asked) : [];
  if (!Array.isArray(asked) || known.length !== asked.length) {
    throw new TypeError(`capabilities must be a list of ${CAPABILITIES.join(", ")}, each once at most`);
  }
  return known;
}

function readBackoff(reconnect: Partial<Backoff> | false = {}): Backoff | false {
  if (reconnect === false) return false;
  const minMs = positive(reconnect.minMs ?? 500, "reconnect.minMs");
  const maxMs = positive(reconnect.maxMs ?? Math.max(30_000, minMs), "reconnect.maxMs");
  if (minMs > maxMs) throw new TypeError("reconnect.minMs must not be more than reconnect.maxMs");
  return { minMs, maxMs };
}

/** @throws {TypeError} when the value is none that a timer or a bound can have. */
export function positive(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > LONGEST_TIMER_MS) {
    throw new TypeError(`${name} must be a whole number from 1 to ${LONGEST_TIMER_MS}`);
  }
  return value;
}
