import { explainRefusal } from "./refusal.ts";

/** Items of one follower that go into one script call, in the order in which they were added. */
export interface BatchGroup<Item> {
  readonly identifier: string;
  readonly items: readonly Item[];
}

/** Stands for the answer to an item that failed, among others of its follower that did not. */
export class FailedItem {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export interface ScriptBatchOptions<Item, Answer> {
  /** A call takes the items of one follower only: on a Redis Cluster, where others are on other servers. */
  readonly oneFollower: boolean;
  /** UTF-16 units of an item's texts. */
  sizeOf(item: Item): number;
  /** Makes one call. Answers with a promise for each group: one answer an item. */
  run(groups: readonly BatchGroup<Item>[]): readonly Promise<readonly (Answer | FailedItem)[]>[];
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Line<Item, Answer> {
  readonly identifier: string;
  waiting: Waiting<Item, Answer>[];
  isUnderWay: boolean;
}

/** Bounds of one call: a script stops all of Redis while it runs. */
const MAX_ITEMS = 128;
const MAX_SIZE = 500_000;

/**
 * Script calls that share round trips: what is added in one turn of the event loop goes in one call. Items of one follower
 * keep their order: the next of them go when the answer to those before is there.
 */
export class ScriptBatch<Item, Answer> {
  readonly #options: ScriptBatchOptions<Item, Answer>;
  readonly #lines = new Map<string, Line<Item, Answer>>();
  #ready: Line<Item, Answer>[] = [];

  constructor(options: ScriptBatchOptions<Item, Answer>) {
    this.#options = options;
  }

  add(identifier: string, item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let line = this.#lines.get(identifier);
      if (line === undefined) {
        line = { identifier, waiting: [], isUnderWay: false };
        this.#lines.set(identifier, line);
      }
      line.waiting.push({ item, resolve, reject });
      if (line.waiting.length === 1 && !line.isUnderWay) this.#makeReady(line);
    });
  }

  #makeReady(line: Line<Item, Answer>): void {
    this.#ready.push(line);
    if (this.#ready.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const lines = this.#ready;
    this.#ready = [];
    let taken: { line: Line<Item, Answer>; part: Waiting<Item, Answer>[] }[] = [];
    let items = 0;
    let size = 0;
    const send = (): void => {
      if (taken.length > 0) this.#call(taken);
      taken = [];
      items = 0;
      size = 0;
    };
    for (const line of lines) {
      if (this.#options.oneFollower || items >= MAX_ITEMS || size >= MAX_SIZE) send();
      let count = 0;
      for (const { item } of line.waiting) {
        const more = this.#options.sizeOf(item);
        if (items > 0 && (items >= MAX_ITEMS || size + more > MAX_SIZE)) {
          // The rest of the line waits for these; a line of which nothing fitted begins the next call.
          if (count > 0) break;
          send();
        }
        count += 1;
        items += 1;
        size += more;
      }
      taken.push({ line, part: line.waiting.slice(0, count) });
      line.waiting = line.waiting.slice(count);
      line.isUnderWay = true;
    }
    send();
  }

  #call(taken: readonly { line: Line<Item, Answer>; part: readonly Waiting<Item, Answer>[] }[]): void {
    const answered = this.#options.run(
      taken.map(({ line, part }) => ({ identifier: line.identifier, items: part.map(({ item }) => item) })),
    );
    taken.forEach(({ line, part }, place) => {
      const ended = (): void => {
        line.isUnderWay = false;
        if (line.waiting.length > 0) this.#makeReady(line);
        else this.#lines.delete(line.identifier);
      };
      Promise.resolve(answered[place] ?? []).then(
        (answers) => {
          ended();
          for (const [index, { resolve, reject }] of part.entries()) {
            const answer = answers[index];
            if (answer instanceof FailedItem) reject(answer.error);
            else resolve(answer as Answer);
          }
        },
        (error: unknown) => {
          ended();
          for (const { reject } of part) reject(error);
        },
      );
    });
  }
}

/**
 * The answers of one call, by follower. A script that fails at the damaged keys of one follower has done what came before them,
 * and nothing after: each follower is called for alone then, once.
 * @param call answers each item of all the groups.
 * @param callAgain the same for one of several, which an earlier call may have done.
 */
export function callByFollower<Item, Answer>(
  groups: readonly BatchGroup<Item>[],
  call: (groups: readonly BatchGroup<Item>[]) => Promise<readonly Answer[]>,
  callAgain: (group: BatchGroup<Item>) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]>[] {
  const answers = call(groups);
  let place = 0;
  return groups.map(async (group) => {
    const from = place;
    place += group.items.length;
    try {
      return (await answers).slice(from, from + group.items.length);
    } catch (error) {
      if (groups.length === 1 || explainRefusal(error)?.concerns !== "command") throw error;
      return callAgain(group).catch((again: unknown) => {
        // A refusal of all commands says that nothing was done, which holds for this call alone.
        const { concerns = "command" } = explainRefusal(again) ?? {};
        throw concerns === "command" ? again : error;
      });
    }
  });
}
