/**
 * - `CONFIG_INVALID`: a setting is wrong; the plugin does nothing until it is mended.
 * - `NOT_CONNECTED`: Redis does not answer now; the plugin goes on trying.
 * - `STOPPED`: the plugin does not run in this process.
 * - `REFUSED`: what is in Redis is not for this plugin: another version, another cluster.
 * - `RULE_TAKEN`: somebody else handles the rule. - `RULE_INVALID`: no such rule can be.
 * - `INVALID_PARAMETERS`: what was asked for makes no sense.
 * - `UNKNOWN_FOLLOWER`: nobody let it in. - `UNKNOWN_PAIRING`: none such waits.
 */
export type PluginErrorCode =
  | "CONFIG_INVALID"
  | "NOT_CONNECTED"
  | "STOPPED"
  | "REFUSED"
  | "RULE_TAKEN"
  | "RULE_INVALID"
  | "INVALID_PARAMETERS"
  | "UNKNOWN_FOLLOWER"
  | "UNKNOWN_PAIRING";

/** Its message is for people: what is the matter, and what to do next. It holds no secret and no content. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  readonly code: PluginErrorCode;

  constructor(code: PluginErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
