import { Writable } from "node:stream";
import { plainText } from "@yonexus/protocol/operator";
import type { HostLogger } from "../core/host.ts";

/** pino's numbers. */
const WARN = 40;
const ERROR = 50;
const INFO = 30;

/** Lines of a process' log, as the gateway's log has them: one sentence, then what belongs to it. */
export function hostLogStream(logger: HostLogger): Writable {
  return new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      for (const line of String(chunk).split("\n")) if (line !== "") tell(logger, line);
      done();
    },
  });
}

function tell(logger: HostLogger, line: string): void {
  const {
    level = INFO,
    msg = "",
    process: name = "",
    pid: _pid,
    at: _at,
    event: _event,
    ...fields
  } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields).map(
    ([key, value]) => `${key} ${plainText(typeof value === "string" ? value : JSON.stringify(value))}`,
  );
  const text = `${plainText(String(name))}: ${plainText(String(msg))}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
  if (Number(level) >= ERROR) logger.error(text);
  else if (Number(level) >= WARN) logger.warn(text);
  else if (Number(level) >= INFO) logger.info(text);
  else logger.debug?.(text);
}
