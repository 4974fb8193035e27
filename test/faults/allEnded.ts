/** Waits until all have ended, also when one fails: what the others start is then there to be stopped. @throws the first failure. */
export async function allEnded(works: readonly Promise<unknown>[]): Promise<void> {
  const failure = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
}
