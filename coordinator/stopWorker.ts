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
 * to connect never answers the command that waits in it, so that BullMQ's watchdog of that command keeps the process alive
 * for ten seconds: one more try, which is ended, settles it.
 */
async function endWaiting(worker: StoppableWorker): Promise<void> {
  const client = await worker.getBackend().blockingClient;
  if (client === undefined) return;
  // BullMQ listens to it no more, and an error that nobody listens to would end the process.
  client.on("error", () => undefined);
  for (const state of ["connecting", "reconnecting"]) client.on(state, () => client.disconnect());
  // BullMQ calls it ended before its socket is. Beside a second socket, ioredis would take the answers of one for the other's.
  if (!hasOpenSocket(client)) await client.connect().catch(() => undefined);
  client.disconnect();
}

/** False for a client of a Redis Cluster, which ends its sockets with itself. */
function hasOpenSocket(client: object): boolean {
  const { stream } = client as { readonly stream?: { readonly destroyed: boolean } };
  return stream !== undefined && !stream.destroyed;
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
