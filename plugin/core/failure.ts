import { LocalError } from "@yonexus/protocol/local";
import { explainConnection, InvalidMessageError, MaybeQueuedError, SchemaMismatchError } from "@yonexus/protocol/redis";
import { PluginError } from "./errors.ts";

/** What failed, for people and agents: a stable code and a sentence that holds no secret and no content. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The one place where an error becomes words. */
export function explainFailure(error: unknown): Failure {
  const isOwn =
    error instanceof PluginError ||
    error instanceof InvalidMessageError ||
    error instanceof MaybeQueuedError ||
    error instanceof SchemaMismatchError ||
    error instanceof LocalError;
  if (isOwn) return { code: error.code, message: error.message };
  const known = explainConnection(error);
  if (known !== undefined) return { code: "NOT_CONNECTED", message: `${known.found}. ${known.mend}` };
  return { code: "INTERNAL_ERROR", message: "An unforeseen failure: see the gateway's log, and try it again." };
}
