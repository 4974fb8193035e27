/** What the work answers, or, when it does not within the time (ms), what `late` answers or throws. The work itself goes on. */
export async function answerWithin<T>(timeoutMs: number, work: Promise<T>, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<"over">((resolve) => {
    timer = setTimeout(() => resolve("over"), timeoutMs);
  });
  try {
    const first = await Promise.race([work.then((answer) => ({ answer })), over]);
    return first === "over" ? late() : first.answer;
  } finally {
    clearTimeout(timer);
  }
}
