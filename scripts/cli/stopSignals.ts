import { hasTerminal } from "./terminal.ts";

/** Ctrl-C reaches a process through its group, and again through a launcher or npm: deliveries this close are one. */
const ONE_PRESS_MS = 300;

export interface StopHandlers {
  /** The first signal: end in good order. */
  readonly stop: () => void;
  /** A later one: end now. */
  readonly force: () => void;
}

/** Tells a first stop signal from a second one. @param now a monotonic clock (ms). */
export function countStops({ stop, force }: StopHandlers, now: () => number): () => void {
  let firstAt: number | undefined;
  return () => {
    if (firstAt === undefined) {
      firstAt = now();
      stop();
    } else if (now() - firstAt > ONE_PRESS_MS) {
      force();
    }
  };
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP until the process ends.
 * @param reload what SIGHUP asks for in place of a stop; answers false when there is nothing to reload. It stays a stop when the
 *   terminal of the process is gone, which sends it too.
 */
export function onStopSignal(handlers: StopHandlers, reload: () => boolean = () => false): void {
  const received = countStops(handlers, () => performance.now());
  const hadTerminal = hasTerminal();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, received);
  process.on("SIGHUP", () => {
    const terminalIsGone = hadTerminal && !hasTerminal();
    if (terminalIsGone || !reload()) received();
  });
}

/** Resolves at the first stop signal; the next one ends the process at once. @param reload see onStopSignal. */
export function stopRequested(reload?: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal({ stop: resolve, force: () => process.exit(1) }, reload);
  });
}
