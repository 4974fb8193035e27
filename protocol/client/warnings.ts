/**
 * A listener failed. Shown are the kind of the error and where it came from; its text is not, since it may quote what was
 * received.
 */
export function warnOfListener(event: string, error: unknown): void {
  const kind = error instanceof Error ? error.name : typeof error;
  const places = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  process.emitWarning(`A listener of the follower's event "${event}" failed (${kind}). The connection goes on.`, {
    type: "FollowerListenerWarning",
    detail: places.join("\n"),
  });
}

/** Queued messages wait for a listener. */
export function warnOfUnheard(): void {
  process.emitWarning(
    "Messages wait, and nobody listens. Call onMessage(); until then they stay in the server's queue.",
    {
      type: "FollowerListenerWarning",
    },
  );
}

/** The state could not be written or given back, at a point where the follower goes on without it. */
export function warnOfState(error: unknown): void {
  const what = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  process.emitWarning(`The follower's state could not be written (${what}). Check its folder.`, {
    type: "FollowerStateWarning",
  });
}
