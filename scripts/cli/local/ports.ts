import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../cliError.ts";

/** After an earlier cluster was killed, its nodes may hold their ports a moment longer (ms). */
const PATIENCE_MS = 3_000;
const RETRY_MS = 100;

/** How a person chooses an address: the words for its port and its host. */
interface AddressSettings {
  readonly port: string;
  readonly host: string;
}

const FOLLOWERS_ADDRESS: AddressSettings = { port: "--port", host: "YONEXUS_LISTEN_HOST" };
export const ADMIN_ADDRESS: AddressSettings = { port: "YONEXUS_ADMIN_PORT", host: "YONEXUS_ADMIN_HOST" };

/**
 * Makes sure that the ports are free, before anything is started.
 * @throws CliError that names the first one that is not, or the address when it is not this machine's.
 */
export async function requireFreePorts(
  host: string,
  ports: readonly number[],
  isPatient: boolean,
  settings = FOLLOWERS_ADDRESS,
): Promise<void> {
  const deadline = performance.now() + (isPatient ? PATIENCE_MS : 0);
  for (const port of ports) {
    for (;;) {
      const problem = await tryPort(host, port, settings);
      if (problem === undefined) break;
      if (performance.now() >= deadline) throw problem;
      await sleep(RETRY_MS);
    }
  }
}

async function tryPort(host: string, port: number, settings: AddressSettings): Promise<CliError | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") {
      return new CliError(`Port ${port} is taken: stop what listens there, or choose others with ${settings.port}.`);
    }
    if (code === "EACCES") {
      return new CliError(`Port ${port} is not for you to use: choose one from 1024 with ${settings.port}.`);
    }
    return new CliError(
      `${host}:${port} cannot be listened on (${String(code)}): mend ${settings.host} or ${settings.port}.`,
    );
  }
}
