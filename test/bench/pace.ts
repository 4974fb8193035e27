import { nowUs, pauseMs } from "./monotonicClock.ts";

/** Does all tasks, so many at a time, each lane going on with the next one. */
export async function inLanes(count: number, lanes: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/**
 * Starts tasks at a steady rate, whatever becomes of them. Each gets the instant at which it was due: a generator that is
 * late does not make what it measures look quick.
 *
 * @returns when all have ended.
 */
export async function atRate(
  count: number,
  perSecond: number,
  task: (index: number, dueUs: number) => void | Promise<void>,
): Promise<void> {
  const startedUs = nowUs();
  const started: (void | Promise<void>)[] = [];
  while (started.length < count) {
    const due = Math.min(count, Math.floor(((nowUs() - startedUs) * perSecond) / 1e6) + 1);
    while (started.length < due) {
      const index = started.length;
      started.push(task(index, startedUs + Math.round((index * 1e6) / perSecond)));
    }
    await pauseMs(1);
  }
  await Promise.all(started);
}
