/** The answer, or undefined when it is not there in time: it may come later. @param deadline by the monotonic clock (ms). */
export async function before<T>(deadline: number, answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(1, deadline - performance.now()));
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
