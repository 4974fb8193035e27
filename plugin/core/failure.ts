import { LocalError } from "@yonexus/protocol/local";
import {
  explainConnection,
  InvalidMessageError,
  MaybeQueuedError,
  RedisUrlError,
  RuleHeldError,
  SchemaMismatchError,
} from "@yonexus/protocol/redis";
import { CertificateError } from "@yonexus/protocol/tls";
import { PluginError } from "./errors.ts";
import { settingName } from "./nextSteps.ts";

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
    error instanceof RedisUrlError ||
    error instanceof RuleHeldError ||
    error instanceof CertificateError ||
    error instanceof LocalError;
  if (isOwn) return { code: error.code, message: error.message };
  const known = explainConnection(error, settingName);
  if (known !== undefined) return { code: "NOT_CONNECTED", message: `${known.found}. ${known.mend}` };
  return {
    code: "INTERNAL_ERROR",
    message: `An unforeseen failure (${kindOf(error)}): try it again. If it stays, restart the gateway.`,
  };
}

/** What kind it is: its message may quote anything. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "thrown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
