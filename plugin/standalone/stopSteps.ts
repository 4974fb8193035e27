import { answerWithin } from "../core/answerWithin.ts";

/**
 * Runs every step, one after the other, whatever becomes of those before it.
 * @throws what the first step that failed threw, when all were run.
 */
export async function runEvery(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Whether the work ended within the time (ms). It goes on all the same, and nobody has to listen any more. @throws what it throws in time. */
export async function endsWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(() => true);
  return answerWithin(timeoutMs, ended, () => false);
}
