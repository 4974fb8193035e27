import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger };

/**
 * A process's log: JSON lines on standard error, so that standard output stays for results.
 * What may hold a secret is never passed to it; the redaction is the net below that rule.
 */
export function createLogger(level: string, name: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { process: name, pid: process.pid },
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      redact: {
        paths: ["secret", "*.secret", "code", "*.pairingCode", "signature", "*.signature", "nonce", "*.nonce", "token"],
        censor: "[redacted]",
      },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
