/** What a lane queue orders: messages of one follower are handled one after the other. */
export interface LaneItem {
  readonly id: string;
  readonly identifier: string;
}

interface Lane<T> {
  /** Oldest first. The first one is handled, or waits to be tried again. */
  readonly items: T[];
  state: "ready" | "running" | "waiting";
}

/** Room for more: lanes that could be handled at once, and messages that may be kept for them. */
export interface Room {
  readonly lanes: number;
  readonly messages: number;
}

/**
 * The messages that a replica was given, in a lane for each follower. At most `concurrency` lanes are handled at once. One
 * whose first message waits to be tried again counts for nothing meanwhile. Pure: it holds no timer and asks nobody.
 */
export class LaneQueue<T extends LaneItem> {
  readonly #concurrency: number;
  readonly #maxMessages: number;
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #ids = new Set<string>();
  /** Followers whose lane is ready, in turn. */
  #turns: string[] = [];
  #running = 0;
  #waiting = 0;

  constructor(concurrency: number, maxMessages: number) {
    this.#concurrency = concurrency;
    this.#maxMessages = maxMessages;
  }

  get running(): number {
    return this.#running;
  }

  get room(): Room {
    return {
      lanes: Math.max(0, this.#concurrency - (this.#lanes.size - this.#waiting)),
      messages: Math.max(0, this.#maxMessages - this.#ids.size),
    };
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Puts a message behind those of its follower. One that is there already stays where it is. */
  add(item: T): void {
    if (this.#ids.has(item.id)) return;
    this.#ids.add(item.id);
    const lane = this.#lanes.get(item.identifier);
    if (lane !== undefined) {
      lane.items.push(item);
      return;
    }
    this.#lanes.set(item.identifier, { items: [item], state: "ready" });
    this.#turns.push(item.identifier);
  }

  /** The next message to handle; undefined when there is none, or when as many as may be are being handled. */
  begin(): T | undefined {
    while (this.#running < this.#concurrency) {
      const follower = this.#turns.shift();
      if (follower === undefined) return undefined;
      const lane = this.#lanes.get(follower);
      if (lane?.state !== "ready") continue;
      lane.state = "running";
      this.#running += 1;
      return lane.items[0];
    }
    return undefined;
  }

  /** The message being handled is done with: its lane goes on. */
  finish(follower: string): void {
    const lane = this.#stopRunning(follower);
    const done = lane.items.shift();
    if (done !== undefined) this.#ids.delete(done.id);
    if (lane.items.length === 0) this.#lanes.delete(follower);
    else this.#setReady(follower, lane);
  }

  /** The message being handled failed, as `again` says: its lane waits. */
  pause(follower: string, again: T): void {
    const lane = this.#stopRunning(follower);
    lane.items[0] = again;
    lane.state = "waiting";
    this.#waiting += 1;
  }

  /** The wait of a lane is over. */
  resume(follower: string): void {
    const lane = this.#lanes.get(follower);
    if (lane?.state !== "waiting") return;
    this.#waiting -= 1;
    this.#setReady(follower, lane);
  }

  /** Drops what is not being handled, unless it is to be kept. */
  drop(keeps: (id: string) => boolean = () => false): void {
    this.#turns = [];
    this.#waiting = 0;
    for (const [follower, lane] of this.#lanes) {
      const [first] = lane.items;
      const kept = lane.items.filter((item) => (item === first && lane.state === "running") || keeps(item.id));
      for (const { id } of lane.items) this.#ids.delete(id);
      for (const { id } of kept) this.#ids.add(id);
      lane.items.splice(0, lane.items.length, ...kept);
      if (kept.length === 0) this.#lanes.delete(follower);
      else if (lane.state === "waiting" && kept[0] === first) this.#waiting += 1;
      else if (lane.state !== "running") this.#setReady(follower, lane);
    }
  }

  #stopRunning(follower: string): Lane<T> {
    const lane = this.#lanes.get(follower);
    if (lane?.state !== "running") throw new Error(`No message of ${follower} is being handled.`);
    this.#running -= 1;
    return lane;
  }

  #setReady(follower: string, lane: Lane<T>): void {
    lane.state = "ready";
    this.#turns.push(follower);
  }
}
