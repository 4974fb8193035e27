import { BENCH_RULE } from "../arrivals.ts";
import { outgoingBytes } from "../leanSocket.ts";
import { addressOf, type FollowerProtocol } from "./followerProtocol.ts";
import { type NatsMessage, NatsReader } from "./natsReader.ts";

const PONG = outgoingBytes(Buffer.from("PONG\r\n"));
const RULE_LENGTH = BENCH_RULE.length + 2;

/** Where JetStream delivers what a follower's consumer holds. */
export function deliverySubject(index: number): string {
  return `deliver.${addressOf(index)}`;
}

/** NATS over WebSocket. */
export const natsFollower = followerOn(addressOf);

/** The same, acknowledging each message to JetStream. */
export const jetStreamFollower = followerOn(deliverySubject);

function followerOn(subjectOf: (index: number) => string): FollowerProtocol {
  return {
    path: () => "/",
    exchange: (index) => [
      { answer: "INFO" },
      {
        outgoing: outgoingBytes(
          Buffer.from(`CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${subjectOf(index)} 1\r\nPING\r\n`),
        ),
        answer: "PONG",
      },
    ],
    reader: (take, send) => {
      const onMessage = ({ payload, replyTo }: NatsMessage) => {
        take(payload.slice(RULE_LENGTH));
        if (replyTo !== undefined) send(outgoingBytes(Buffer.from(`PUB ${replyTo} 4\r\n+ACK\r\n`)));
      };
      const reader = new NatsReader(onMessage, (line) => {
        if (line === "PING") send(PONG);
      });
      return (payload) => reader.read(payload);
    },
  };
}
