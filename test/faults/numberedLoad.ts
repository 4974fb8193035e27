import { waitFor } from "../support/waitFor.ts";
import { Journal, readJournal } from "./journal.ts";

/** A message of the load: the follower's n-th. */
export interface LoadMessage {
  readonly follower: string;
  readonly n: number;
  readonly messageId: string;
}

/** What its sender was told. `final`: it does not send it again. */
export interface Answer {
  readonly answer: string;
  readonly final: boolean;
}

export type SenderLine =
  | ({ readonly kind: "sent"; readonly at: number } & LoadMessage)
  | ({ readonly kind: "told"; readonly at: number; readonly messageId: string } & Answer);

export interface LoadOptions {
  readonly followers: readonly string[];
  /** Of all followers together. */
  readonly perSecond: number;
  /** What names the messages of this load apart from others'. */
  readonly name: string;
}

/** More without an answer would only wait in longer queues. */
const MOST_UNANSWERED = 16;
const RETRY_MS = 200;
const TICK_MS = 20;

/**
 * Sends numbered messages to or from followers in turn, each again with the same id until its answer is final. What it does stands in its
 * journal first, so that a successor goes on where a killed one was.
 */
export class NumberedLoad {
  readonly #options: LoadOptions;
  readonly #journal: Journal<SenderLine>;
  readonly #send: (message: LoadMessage) => Promise<Answer>;
  readonly #next = new Map<string, number>();
  readonly #unanswered = new Map<string, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  /** @param send one try. What it throws is told by its name, and tried again. */
  constructor(path: string, options: LoadOptions, send: (message: LoadMessage) => Promise<Answer>) {
    this.#options = options;
    this.#send = send;
    const begun = unfinished(readJournal<SenderLine>(path));
    this.#journal = new Journal(path);
    for (const follower of options.followers) {
      this.#next.set(follower, begun.next.get(follower) ?? 0);
      this.#unanswered.set(follower, new Set());
    }
    for (const message of begun.unanswered) this.#begin(message);
    const startedAt = performance.now();
    let count = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) * options.perSecond) / 1000;
      // What could not be sent in its time is left out: the load does not make up for an outage.
      for (; count < due; count++) this.#sendNext();
    }, TICK_MS);
  }

  /** Sends nothing new. Answers how many have no final answer within the timeout. */
  async finish(timeoutMs: number): Promise<number> {
    clearInterval(this.#timer);
    const left = (): number => [...this.#unanswered.values()].reduce((sum, { size }) => sum + size, 0);
    await waitFor("every message to be answered", () => left() === 0, timeoutMs).catch(() => undefined);
    return left();
  }

  #sendNext(): void {
    const { followers, name } = this.#options;
    for (let skipped = 0; skipped < followers.length; skipped++) {
      const follower = followers[this.#turn++ % followers.length] ?? "";
      if ((this.#unanswered.get(follower)?.size ?? 0) >= MOST_UNANSWERED) continue;
      const n = this.#next.get(follower) ?? 0;
      this.#next.set(follower, n + 1);
      this.#begin({ follower, n, messageId: `${name}-${follower}-${n}` });
      return;
    }
  }

  #begin(message: LoadMessage): void {
    this.#unanswered.get(message.follower)?.add(message.messageId);
    this.#untilFinal(message).catch((error: unknown) => {
      process.stderr.write(`The load failed: ${String(error)}\n`);
    });
  }

  async #untilFinal(message: LoadMessage): Promise<void> {
    const { follower, messageId } = message;
    for (;;) {
      this.#journal.write({ kind: "sent", at: Date.now(), ...message });
      const answer = await this.#send(message).catch(
        (error: unknown): Answer => ({ answer: nameOf(error), final: false }),
      );
      this.#journal.write({ kind: "told", at: Date.now(), messageId, ...answer });
      if (answer.final) break;
      await new Promise((resume) => setTimeout(resume, RETRY_MS));
    }
    this.#unanswered.get(follower)?.delete(messageId);
  }
}

function unfinished(lines: readonly SenderLine[]): { next: Map<string, number>; unanswered: LoadMessage[] } {
  const next = new Map<string, number>();
  const unanswered = new Map<string, LoadMessage>();
  for (const line of lines) {
    if (line.kind === "sent") {
      const { follower, n, messageId } = line;
      next.set(follower, Math.max(next.get(follower) ?? 0, n + 1));
      unanswered.set(messageId, { follower, n, messageId });
    } else if (line.final) unanswered.delete(line.messageId);
  }
  return { next, unanswered: [...unanswered.values()] };
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${error.name} ${String(error.code)}` : `${error.name}: ${error.message}`;
}
