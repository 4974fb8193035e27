import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import { compose } from "./compose.ts";
import type { NoticeTerminal } from "./notifications/console.ts";
import { TUNING } from "./tuning.ts";

export interface CoordinatorOptions {
  readonly logger: Logger;
  /** Where pairing codes are printed when there is no bot: the operator's terminal, never the log. */
  readonly terminal: NoticeTerminal;
  /** Prints a notice as one line of JSON. */
  readonly json: boolean;
  /** Aborted before the coordinator runs, it closes everything and the start rejects with the signal's reason. Of no effect after that. */
  readonly signal?: AbortSignal;
}

export interface RunningCoordinator {
  readonly coordinatorId: string;
  /** Where its admin port is: `http://host:port`; absent when it has none. */
  readonly adminUrl?: string;
  /** Resolves when nothing of it runs any more. It takes about 7 s at most; calling it again changes nothing. */
  stop(): Promise<void>;
}

/**
 * Starts a coordinator: it runs the sweeps and sends the notices. Any number may run. Waits for Redis as long as it takes,
 * or until the signal is aborted.
 *
 * @throws SchemaMismatchError when the keys in Redis belong to another version
 * @throws UnsealError when the configuration has no master key
 * @throws AdminListenError when the admin port cannot be had
 * @throws CertificateError when a certificate for Redis cannot be used
 * @throws ConfigError when there is no REDIS_URL, or the Discord notifier has no token or no user to write to
 */
export async function startCoordinator(config: Config, options: CoordinatorOptions): Promise<RunningCoordinator> {
  return compose(config, options, TUNING);
}
