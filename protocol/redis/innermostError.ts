/** A cluster's error wraps those of its nodes, and a connection to two addresses those of both. */
export function innermost(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner: unknown =
    "lastNodeError" in error ? error.lastNodeError : error instanceof AggregateError ? error.errors[0] : undefined;
  return innermost(inner) ?? error;
}
