import type { Worker } from "bullmq";

/** What is needed of a worker to stop it, whatever its jobs are. */
export type StoppableWorker = Pick<Worker, "close" | "getBackend">;

/** How long each further step may take when the jobs did not end in time, or Redis is away (ms). */
const FORCED_MS = 1_000;

/**
 * Lets the jobs at work end; after `graceMs` aborts them, and what has not ended soon after is left to the other
 * coordinators.
 * @param redisAnswers when Redis is away there is nothing to end in order.
 */
export async function stopWorkers(
  workers: readonly StoppableWorker[],
  abort: () => void,
  graceMs: number,
  redisAnswers: boolean,
): Promise<void> {
  const closing = Promise.allSettled(workers.map(async (worker) => worker.close(!redisAnswers)));
  if (redisAnswers && (await endedWithin(closing, graceMs))) return;
  abort();
  const ended = await endedWithin(closing, FORCED_MS);
  if (redisAnswers && ended) return;
  await endedWithin(Promise.allSettled(workers.map(endWaiting)), FORCED_MS);
}

/**
 * Ends BullMQ's own connection, on which a worker waits for jobs, for good. BullMQ does not: a wait that found the
 * connection silent opens it again, whoever closed it meanwhile. And a client that is told to disconnect between two tries
 * to connect does not answer the command that waits in it, so that BullMQ's watchdog of that command keeps the process alive
 * for ten seconds: one more try settles it. That try opens no socket beside one that is about to close: ioredis would take
 * the answers of one for those of the other.
 */
async function endWaiting(worker: StoppableWorker): Promise<void> {
  const client = await worker.getBackend().blockingClient;
  if (client === undefined) return;
  // BullMQ may listen to it no more, and one error of ioredis ends the process when nobody does.
  client.on("error", () => undefined);
  // A cluster's client settles nothing when it is ended before it is connected.
  client.on(client.isCluster ? "connect" : "connecting", () => client.disconnect());
  await client.connect().catch(() => undefined);
  client.disconnect();
}

async function endedWithin(ending: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const outcome = await Promise.race([ending.then(() => true), late]);
  clearTimeout(timer);
  return outcome;
}
