import { type Bindings, type ChildLoggerOptions, type DestinationStream, type Logger, pino } from "pino";
import { redactFields, redactText } from "./redaction.ts";

export type { Logger };

/**
 * A process's log: JSON lines on standard error, so that standard output stays for results. One line an event, whose name
 * (`event`) stays the same from release to release: docs/operations.md lists them.
 *
 * What may hold a secret is never passed to it; below that rule are two nets: by the names of the fields, at any depth, and by
 * what secrets look like, in the whole line.
 */
export function createLogger(level: string, name: string, destination?: DestinationStream): Logger {
  const logger = pino(
    {
      level,
      base: { process: name, pid: process.pid },
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { log: redactFields },
      // They are plain fields by then.
      serializers: { err: (fields: unknown) => fields },
      hooks: { streamWrite: redactText },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
  // What every line of a child has goes by no formatter.
  const { child, setBindings } = logger;
  return Object.assign(logger, {
    child(this: Logger, bindings: Bindings, options?: ChildLoggerOptions) {
      return Reflect.apply(child, this, [redactFields(bindings), options]) as Logger;
    },
    setBindings(this: Logger, bindings: Bindings) {
      setBindings.call(this, redactFields(bindings));
    },
  });
}
