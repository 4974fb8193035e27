/** A handler took longer than it may. It goes on, and what it does from then on counts for nothing. */
export class HandlerTimeoutError extends Error {
  readonly code = "HANDLER_TIMEOUT";
}

/** Characters of a reason that are kept. */
const REASON_CHARACTERS = 256;

/** Blanks, control and format characters, line separators and halves of surrogate pairs. */
const UNSAFE = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/**
 * One try to handle something: `handle`, then `answer` with the text that it returned, if it did. A handler that answers at once
 * is done with at once: the result is `undefined` then.
 * @param timeoutMs for both together. @throws what they throw; @rejects so too, and HandlerTimeoutError.
 */
export function runTry(
  handle: () => unknown,
  answer: (text: string) => Promise<void> | undefined,
  timeoutMs: number,
): Promise<void> | undefined {
  let late = false;
  const answerWith = (value: unknown) => (typeof value === "string" && !late ? answer(value) : undefined);
  const value = handle();
  const answered = isThenable(value) ? Promise.resolve(value).then(answerWith) : answerWith(value);
  if (answered === undefined) return undefined;
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      late = true;
      reject(new HandlerTimeoutError(`The handler took longer than ${timeoutMs} ms.`));
    }, timeoutMs);
    // A process that has nothing else to do does not wait for a handler that hangs.
    timer.unref();
    void answered.then(() => resolve(), reject).finally(() => clearTimeout(timer));
  });
}

/**
 * What a dead letter says of why the try failed: for the operator's eyes, on one line. The message of an error that is not plain
 * is left out: what a parser or a library says may quote what it was given.
 */
export function failureReason(error: unknown): string {
  if (error instanceof HandlerTimeoutError) return "handler_timeout";
  const text = error instanceof Error ? errorText(error) : error;
  const line = typeof text === "string" ? text.replace(UNSAFE, " ").trim() : "";
  return Array.from(line).slice(0, REASON_CHARACTERS).join("") || "handler_failed";
}

function errorText(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  if (error.name !== "Error") return code ?? String(error.name);
  return code === undefined ? error.message : `${code}: ${error.message}`;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
