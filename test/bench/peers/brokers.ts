import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { freePorts } from "../../support/freePorts.ts";
import { startGuarded } from "../../support/guardedProcess.ts";
import { waitFor } from "../../support/waitFor.ts";

/** Message brokers that are measured beside ours where they are installed. */
export type BrokerName = "nats-server" | "mosquitto";

export interface Broker {
  readonly name: BrokerName;
  readonly pid: number;
  readonly port: number;
  readonly webSocketUrl: string;
  stop(): Promise<void>;
}

interface Ports {
  readonly port: number;
  readonly webSocketPort: number;
}

const BROKERS: readonly BrokerName[] = ["nats-server", "mosquitto"];
/** Where system programs are, which not every user's PATH names. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin"];

/** Whose version line says how it is asked. */
const VERSION_ARGUMENTS: Readonly<Record<BrokerName, string>> = { "nats-server": "--version", mosquitto: "-h" };

/** Undefined where it is not installed. */
export async function startBroker(name: BrokerName): Promise<Broker | undefined> {
  const program = findProgram(name);
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "broker-"));
  const [port = 0, webSocketPort = 0] = await freePorts(2);
  const config = join(folder, "config");
  writeFileSync(config, configOf(name, folder, { port, webSocketPort }));
  const started = await startGuarded(program, ["-c", config]);
  const stop = async (): Promise<void> => {
    started.signal("SIGKILL");
    await started.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const each of [port, webSocketPort]) await waitFor(`${name} to listen`, () => listens(each));
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, pid: started.pid, port, webSocketUrl: `ws://127.0.0.1:${webSocketPort}`, stop };
}

/** Those that are installed, with their versions. */
export function brokerVersions(): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of BROKERS) {
    const program = findProgram(name);
    if (program !== undefined) versions[name] = versionOf(name, program);
  }
  return versions;
}

/** One sentence for a person when some are not installed. */
export function missingBrokers(): string | undefined {
  const missing = BROKERS.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return undefined;
  return `Not measured, because not installed: ${missing.join(", ")} (apt-get install ${missing.join(" ")}).`;
}

function configOf(name: BrokerName, folder: string, { port, webSocketPort }: Ports): string {
  switch (name) {
    case "nats-server":
      // No heartbeat falls into what is measured. JetStream takes nothing from those who do not use it.
      return `host: "127.0.0.1"
port: ${port}
ping_interval: "1h"
websocket { host: "127.0.0.1", port: ${webSocketPort}, no_tls: true }
jetstream { store_dir: "${folder}" }
`;
    case "mosquitto":
      return `user ${userInfo().username}
allow_anonymous true
persistence false
set_tcp_nodelay true
listener ${port} 127.0.0.1
listener ${webSocketPort} 127.0.0.1
protocol websockets
`;
  }
}

function versionOf(name: BrokerName, program: string): string {
  let text: string;
  try {
    text = execFileSync(program, [VERSION_ARGUMENTS[name]], { encoding: "utf8" });
  } catch (error) {
    // mosquitto ends with an error after its help.
    text = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
  }
  return /(\d+\.[\d.]+)/u.exec(text)?.[1] ?? "?";
}

function findProgram(name: BrokerName): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
