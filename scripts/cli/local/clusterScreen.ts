import { type Ending, endingText, type ProcessEvent } from "@yonexus/protocol/local";
import { plainText, remainingText } from "@yonexus/protocol/operator";
import { DEFAULT_DATA_DIR } from "../dataDirOption.ts";
import { print, printJson } from "../output.ts";
import { shellWord } from "../shellWord.ts";

/** What a started cluster tells of itself. */
export interface ReadyCluster {
  /** Where followers connect. */
  readonly nodes: readonly string[];
  /** A URL that REDIS_URL accepts. It may hold a password. */
  readonly redis: string;
  /** The Redis for people, without a password. */
  readonly redisText: string;
  /** Why nothing outlives the cluster, when that is so. */
  readonly memoryOnly?: string;
  /** The data folder as it was given. */
  readonly dataDir: string;
  /** The follower that was let in at the start, to show the next steps with. */
  readonly follower?: string;
}

/** Where a local cluster tells what happens to it. */
export interface ClusterScreen {
  readonly ready: (cluster: ReadyCluster) => void;
  readonly said: (process: string, event: ProcessEvent) => void;
  readonly exited: (process: string, ending: Ending, restartInMs: number | undefined, logPath: string) => void;
  readonly restarted: (process: string, ready: ProcessEvent) => void;
  readonly stopping: () => void;
  readonly stopped: () => void;
}

/** One line of JSON for each event, `ready` first. */
export const jsonScreen: ClusterScreen = {
  ready: ({ nodes, redis, memoryOnly, dataDir }) =>
    printJson({ event: "ready", nodes, redis, persistent: memoryOnly === undefined, dataDir, pid: process.pid }),
  said: (name, event) => printJson({ ...event, process: name }),
  exited: (name, { code, signal }, restartInMs, logPath) =>
    printJson({ event: "exited", process: name, code, signal, restartInMs: restartInMs ?? null, log: logPath }),
  restarted: (name, { url }) => printJson({ event: "restarted", process: name, ...(url === undefined ? {} : { url }) }),
  stopping: () => printJson({ event: "stopping" }),
  stopped: () => printJson({ event: "stopped" }),
};

/** Words for a person at a terminal. */
export const terminalScreen: ClusterScreen = {
  ready: (cluster) => print(readyText(cluster)),
  said: (name, event) =>
    print(event.event === "pairing_code" ? pairingCodeText(event, Date.now()) : otherText(name, event)),
  exited: (name, ending, restartInMs, logPath) =>
    print(
      restartInMs === undefined
        ? `${name} ended too often (${endingText(ending)}): see ${logPath}.`
        : `${name} ended (${endingText(ending)}), starting it again: see ${logPath}.`,
    ),
  restarted: (name, ready) => print(restartedText(name, ready)),
  stopping: () => print("Stopping: followers are told to come back elsewhere. Ctrl-C again ends it at once."),
  stopped: () => print("Stopped."),
};

/** What runs, where, and what to type next. */
export function readyText({ nodes, redisText, memoryOnly, dataDir, follower }: ReadyCluster): string {
  const folder = dataDir === DEFAULT_DATA_DIR ? "" : ` --data-dir ${shellWord(dataDir)}`;
  const identifier = follower ?? "alpha";
  const warning =
    memoryOnly === undefined
      ? []
      : [
          `NOTHING IS KEPT: ${memoryOnly}, so this cluster is in memory alone.`,
          "Allowlist, pairings and messages are GONE when it ends. Install redis-server or valkey-server (7.0 or later), or set REDIS_URL.",
          "",
        ];
  return [
    "",
    ...warning,
    `The cluster runs: ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}, 1 coordinator, ${redisText}.`,
    `  followers connect to  ${nodes.join("  ")}`,
    `  data and logs are in  ${dataDir}`,
    "",
    "Next, in another terminal:",
    ...(follower === undefined ? [`  npx yonexus allow add ${identifier}${folder}`] : []),
    `  npx yonexus follow --url ${nodes[0]} --identifier ${identifier}`,
    `  npx yonexus send ${identifier} 'chat::hello'${folder}`,
    "Pairing codes appear here. Ctrl-C ends the cluster in good order.",
    "",
  ].join("\n");
}

/** That a process runs again, and of a node where followers connect to it. */
export function restartedText(name: string, { url }: ProcessEvent): string {
  return url === undefined ? `${name} runs again.` : `${name} runs again: followers connect to ${shown(url)}.`;
}

/** A pairing code where the operator cannot miss it. @param now unix ms. */
export function pairingCodeText(event: ProcessEvent, now: number): string {
  const { identifier, code, fingerprint, expiresAt, id } = event;
  const left = typeof expiresAt === "number" ? `, good for ${remainingText(expiresAt * 1000 - now)}` : "";
  return [
    "",
    `${shown(identifier)} wants to pair.`,
    `  code         ${shown(code)}${left}`,
    `  fingerprint  ${shown(fingerprint)}`,
    ...(id === undefined ? [] : [`  id           ${shown(id)}, for \`yonexus approve\` or \`yonexus deny\``]),
    "  Give it the code, or approve it, only if it shows the same fingerprint.",
    "",
  ].join("\n");
}

/** Any other event of a process: its fields as they are, on one line. */
function otherText(name: string, { event, ...fields }: ProcessEvent): string {
  const details = Object.entries(fields).map(([field, value]) => `${field} ${shown(value)}`);
  return plainText([`${name}: ${event}`, ...details].join(", "));
}

function shown(value: unknown): string {
  return plainText(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
}
