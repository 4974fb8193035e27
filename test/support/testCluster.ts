import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { type RunningCoordinator, startCoordinator } from "@yonexus/coordinator";
import {
  Keys,
  MessageSender,
  type MessageSenderOptions,
  RuleConsumer,
  type RuleConsumerOptions,
} from "@yonexus/protocol/redis";
import { FollowerIdentity, RawFollower, type RawFollowerOptions } from "./rawFollower.ts";
import { MASTER_KEY, openStores, pairFollower, type Stores } from "./stores.ts";
import {
  type NodeProcess,
  recordingLogger,
  startNodeProcess,
  startTestNode,
  type TestEnvironment,
  type TestNode,
  testConfig,
} from "./testNode.ts";
import { waitFor } from "./waitFor.ts";

/** A coordinator in this process, what it logged, and what it printed for the operator. */
export interface TestCoordinator extends RunningCoordinator {
  readonly log: readonly string[];
  readonly printed: readonly string[];
}

/** A follower as a notice names it. */
type FollowerName = Pick<FollowerIdentity, "identifier" | "fingerprint">;

/** A cluster on a started Redis, in a key space of its own. `stop` ends all that was started through it. */
export class TestCluster {
  readonly stores: Stores;
  readonly env: TestEnvironment;
  readonly #stops: (() => Promise<unknown> | unknown)[] = [];
  readonly #followers: RawFollower[] = [];

  private constructor(stores: Stores, env: TestEnvironment) {
    this.stores = stores;
    this.env = env;
  }

  /** @param settings of every process of the cluster, by the names of the environment. */
  static async open(redisUrl: string, settings: TestEnvironment = {}): Promise<TestCluster> {
    const prefix = settings.YONEXUS_KEY_PREFIX ?? `test-${randomBytes(6).toString("hex")}`;
    const stores = await openStores(redisUrl, { keys: new Keys(prefix) });
    return new TestCluster(stores, {
      REDIS_URL: redisUrl,
      YONEXUS_KEY_PREFIX: prefix,
      YONEXUS_MASTER_KEY: Buffer.from(MASTER_KEY).toString("base64"),
      ...settings,
    });
  }

  async startNode(settings: TestEnvironment = {}): Promise<TestNode> {
    const node = await startTestNode({ ...this.env, ...settings });
    this.#stops.push(() => node.stop());
    return node;
  }

  async startNodeProcess(settings: TestEnvironment = {}, log: string[] = []): Promise<NodeProcess> {
    const node = await startNodeProcess({ ...this.env, ...settings }, log);
    this.#stops.push(() => {
      node.signal("SIGKILL");
      return node.exited;
    });
    return node;
  }

  async startCoordinator(settings: TestEnvironment = {}): Promise<TestCoordinator> {
    const config = testConfig({ ...this.env, ...settings });
    const { log, logger } = recordingLogger(config.logLevel, "coordinator");
    const printed: string[] = [];
    const terminal = new PassThrough().on("data", (chunk: Buffer) => printed.push(chunk.toString("utf8")));
    const coordinator = await startCoordinator(config, { logger, terminal, json: true });
    this.#stops.push(() => coordinator.stop());
    return { ...coordinator, log, printed };
  }

  async sender(options: MessageSenderOptions = {}): Promise<MessageSender> {
    const [commands, subscriber] = [await this.stores.open("commands"), await this.stores.open("subscriber")];
    return new MessageSender(commands, subscriber, this.stores.keys, options);
  }

  async holdRule(options: Omit<RuleConsumerOptions, "onError" | "group">): Promise<RuleConsumer> {
    const consumer = new RuleConsumer(this.stores.redis, await this.stores.open("blocking"), this.stores.keys, {
      group: "tests",
      // What a handler means to throw, it throws to be tried again.
      onError: () => {},
      ...options,
    });
    await consumer.start();
    this.#stops.push(() => consumer.stop());
    return consumer;
  }

  /** On the allowlist, not paired. */
  async newFollower(identifier: string): Promise<FollowerIdentity> {
    await this.stores.trust.allow([identifier]);
    return new FollowerIdentity(identifier);
  }

  /** Paired, by way of the stores. */
  async pairedFollower(identifier: string): Promise<FollowerIdentity> {
    const identity = new FollowerIdentity(identifier);
    identity.secret = randomBytes(32).toString("base64");
    await pairFollower(this.stores, identifier, { key: identity, secret: identity.secret, address: identifier });
    return identity;
  }

  async connect(node: { readonly url: string }, options: RawFollowerOptions = {}): Promise<RawFollower> {
    const follower = await RawFollower.open(node.url, options);
    this.#followers.push(follower);
    return follower;
  }

  /** A connection of a paired follower that is authenticated. */
  async logIn(
    node: { readonly url: string },
    identity: FollowerIdentity,
    options: RawFollowerOptions = {},
  ): Promise<RawFollower> {
    const follower = await this.connect(node, options);
    await follower.authenticate(identity);
    return follower;
  }

  /** The code of the follower's pairing, read as the notice is made from it. */
  async pairingCode({ identifier, fingerprint }: FollowerName): Promise<{ code: string; pairingId: string }> {
    return waitFor(`the pairing of ${identifier}`, async () => {
      const { pairing } = await this.stores.trust.lookup(identifier, fingerprint);
      const pairingId = pairing?.pairingId ?? "";
      const notice = await this.stores.pairings.notice(identifier, fingerprint, pairingId);
      return notice === undefined ? undefined : { code: notice.code, pairingId };
    });
  }

  /** Stands in for a coordinator: the admin is told of the pairing, or cannot be. Answers the code. */
  async resolveNotice(identity: FollowerName, result: "sent" | "failed" = "sent"): Promise<string> {
    const { code, pairingId } = await this.pairingCode(identity);
    await this.stores.pairings.resolveNotice(identity.identifier, identity.fingerprint, pairingId, result, "a test");
    return code;
  }

  /** The follower's status as lists show it. */
  async status(identifier: string): Promise<string | undefined> {
    return (await this.stores.directory.find(identifier))?.status;
  }

  async waitForStatus(identifier: string, status: string): Promise<void> {
    await waitFor(`${identifier} to be ${status}`, async () => (await this.status(identifier)) === status);
  }

  async stop(): Promise<void> {
    for (const follower of this.#followers) follower.terminate();
    await Promise.all(this.#stops.map(async (stop) => stop()));
    this.stores.close();
  }
}
