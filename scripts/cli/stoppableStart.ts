/**
 * Starts something that can be told to stop before it is ready: it closes then what it had opened.
 * @param stopped never rejects.
 * @returns undefined when it was told to stop and gave up. @throws what the start throws otherwise.
 */
export async function stoppableStart<T>(
  stopped: Promise<void>,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const stopping = new AbortController();
  void stopped.then(() => stopping.abort());
  try {
    return await start(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted && error === stopping.signal.reason) return undefined;
    throw error;
  }
}
