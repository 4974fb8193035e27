import { MessageQueue } from "@yonexus/protocol/redis";
import type { FollowerIdentity, RawFollower } from "./rawFollower.ts";
import { TestCluster } from "./testCluster.ts";
import type { TestEnvironment, TestNode } from "./testNode.ts";
import { waitFor } from "./waitFor.ts";

/** What a follower asks for that acks. */
export const ACKS = { capabilities: ["ack"] } as const;

const DAY_MS = 86_400_000;

export interface PutOptions {
  readonly identifier?: string;
  readonly ttlMs?: number;
  /** Whose receipts are recorded. */
  readonly senderId?: string;
}

/** A cluster with one node and the paired follower `alice`, and the queues of its followers. */
export class QueueFixture {
  readonly cluster: TestCluster;
  readonly node: TestNode;
  readonly queue: MessageQueue;
  readonly alice: FollowerIdentity;
  #count = 0;

  private constructor(cluster: TestCluster, node: TestNode, alice: FollowerIdentity) {
    this.cluster = cluster;
    this.node = node;
    this.alice = alice;
    this.queue = new MessageQueue(cluster.stores.redis, cluster.stores.keys);
  }

  static async open(redisUrl: string, settings: TestEnvironment = {}): Promise<QueueFixture> {
    const cluster = await TestCluster.open(redisUrl, settings);
    return new QueueFixture(cluster, await cluster.startNode(), await cluster.pairedFollower("alice"));
  }

  /** Queues `chat::content`. Answers its id, which begins with the identifier. */
  async put(content: string, options: PutOptions = {}): Promise<string> {
    const { identifier = "alice", ttlMs = DAY_MS, senderId = "" } = options;
    const messageId = `${identifier}-${++this.#count}`;
    const message = { identifier, messageId, isOwnId: true, frame: `chat::${content}`, ttlMs, senderId };
    const { outcome } = await this.queue.enqueue(message, { maxMessages: 10_000, maxBytes: 100_000_000 });
    if (outcome !== "queued") throw new Error(`The message was not queued: ${outcome}`);
    return messageId;
  }

  async putAll(contents: readonly string[], options: PutOptions = {}): Promise<string[]> {
    return Promise.all(contents.map((content) => this.put(content, options)));
  }

  /** `alice` on the node, with acks unless told. */
  async logIn(node: { readonly url: string } = this.node, options: object = ACKS): Promise<RawFollower> {
    return this.cluster.logIn(node, this.alice, options);
  }

  /** All that the node had to say by now has come: it answers in order. */
  async caughtUp(follower: RawFollower): Promise<void> {
    follower.heartbeat(this.alice);
    await follower.next("heartbeat_ack");
  }

  /** Messages in the queue. */
  async waiting(identifier = "alice"): Promise<number> {
    return this.cluster.stores.redis.xlen(this.cluster.stores.keys.follower(identifier).queue);
  }

  async untilEmpty(): Promise<void> {
    await waitFor("the queue to be empty", async () => (await this.waiting()) === 0);
  }

  /** Acks what comes, from the first on, until the queue is empty. @param write the frame of an ack. */
  async ackAll(follower: RawFollower, write?: (id: string, index: number) => string): Promise<void> {
    let done = 0;
    await waitFor("all to be acked", async () => {
      for (const { id } of follower.queued.slice(done)) {
        if (write === undefined) follower.ack(id);
        else follower.send(write(id, done));
        done += 1;
      }
      return (await this.waiting()) === 0;
    });
  }

  async stateOf(messageId: string): Promise<string | undefined> {
    return (await this.queue.record(messageId))?.state;
  }

  async until(messageId: string, state: string): Promise<void> {
    await waitFor(`${messageId} to be ${state}`, async () => (await this.stateOf(messageId)) === state);
  }

  /** The receipts of a sender from now on, a line each. */
  async receipts(senderId: string): Promise<() => string[]> {
    const texts = await this.cluster.stores.record(this.cluster.stores.keys.replyChannel(senderId));
    return () => texts.flatMap((text) => text.split("\n"));
  }
}

/** Waits for so many queued messages. */
export async function came(follower: RawFollower, many: number): Promise<void> {
  await waitFor(`${many} queued messages`, () => follower.queued.length >= many);
}

export function contentsOf(follower: RawFollower): string[] {
  return follower.queued.map(({ content }) => content);
}

/** The contents of a number of messages, in order. */
export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);
}
