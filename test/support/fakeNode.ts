import { encodeReceipts, type NodeCommand, parseNodeCommand, type ReceiptOutcome } from "@yonexus/protocol/redis";
import type { Stores } from "./stores.ts";

export type Delivery = Extract<NodeCommand, { kind: "deliver" }>;
export type QueuedDelivery = Extract<NodeCommand, { kind: "queued" }>;

export type Answer = ReceiptOutcome | undefined | Promise<ReceiptOutcome | undefined>;

/** What a node as far as a sender sees it does: it answers what it is told to, or nothing. */
export interface FakeNodeAnswers {
  readonly live?: (delivery: Delivery) => Answer;
  readonly queued?: (delivery: QueuedDelivery) => Answer;
}

/** What it heard, in order. */
export interface FakeNode {
  readonly deliveries: readonly Delivery[];
  readonly queued: readonly QueuedDelivery[];
  /** How many live messages came with each publish. */
  readonly publishes: readonly number[];
}

/** Listens on a node's channel from now on. */
export async function fakeNode(stores: Stores, nodeId: string, answers: FakeNodeAnswers): Promise<FakeNode> {
  const heard = { deliveries: [] as Delivery[], queued: [] as QueuedDelivery[], publishes: [] as number[] };
  const subscriber = await stores.open("subscriber");
  const reply = async ({ messageId, senderId }: Delivery | QueuedDelivery, answer: Answer) => {
    const outcome = await answer;
    if (outcome !== undefined) await tellSender(stores, senderId, messageId, outcome);
  };
  subscriber.on("message", (_channel: string, text: string) => {
    const command = parseNodeCommand(text);
    if (command?.kind === "queued") {
      heard.queued.push(command);
      reply(command, answers.queued?.(command)).catch(() => {});
    }
    const deliveries = command?.kind === "batch" ? command.deliveries : command?.kind === "deliver" ? [command] : [];
    if (deliveries.length > 0) heard.publishes.push(deliveries.length);
    for (const delivery of deliveries) {
      heard.deliveries.push(delivery);
      reply(delivery, answers.live?.(delivery)).catch(() => {});
    }
  });
  await subscriber.subscribe(stores.keys.nodeChannel(nodeId));
  return heard;
}

/** Publishes a receipt, as a node or a sweep does. */
export async function tellSender(
  stores: Stores,
  senderId: string,
  messageId: string,
  outcome: ReceiptOutcome,
): Promise<void> {
  await stores.redis.publish(stores.keys.replyChannel(senderId), encodeReceipts([{ messageId, outcome }]));
}
