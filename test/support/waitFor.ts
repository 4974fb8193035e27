const PAUSE_MS = 5;

/**
 * Asks until the answer is neither `undefined` nor `false`, and returns it. A probe that throws counts as a "not yet".
 *
 * @param what completes "waited … for": a noun phrase such as `the session of alice to open`.
 * @throws {Error} after `timeoutMs`, naming what was waited for and the last failure of the probe.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await within(probe(), deadline);
      if (answer !== undefined && answer !== false) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) break;
    await new Promise((resume) => setTimeout(resume, PAUSE_MS));
  }
  const reason = failure === undefined ? "" : `: ${failure instanceof Error ? failure.message : String(failure)}`;
  throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${reason}`, { cause: failure });
}

/** A probe that never answers must not outlast the deadline. */
async function within<T>(answer: T | Promise<T>, deadline: number): Promise<T> {
  if (!(answer instanceof Promise)) return answer;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error("the last probe never answered")),
      Math.max(0, deadline - performance.now()),
    );
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
