const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
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

/** Listens for SIGINT, SIGTERM and SIGHUP until the process ends. */
export function onStopSignal(handlers: StopHandlers): void {
  const received = countStops(handlers, () => performance.now());
  for (const signal of SIGNALS) process.on(signal, received);
}

/** Resolves at the first stop signal; the next one ends the process at once. */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal({ stop: resolve, force: () => process.exit(1) });
  });
}
