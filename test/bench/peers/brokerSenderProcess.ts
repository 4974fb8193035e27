import { serveCommands } from "../childProcess.ts";
import { type Sending, type Sent, sendAll } from "../sending.ts";
import { MqttSender } from "./mqttSender.ts";
import { NatsSender } from "./natsSender.ts";

/** What sends to followers of a message broker that is no part of this project. */
let nats: NatsSender | undefined;
let mqtt: MqttSender | undefined;

const commands = {
  async openNats({ port }: { port: number }): Promise<void> {
    nats = await NatsSender.open(port);
  },

  async openMqtt({ port }: { port: number }): Promise<void> {
    mqtt = await MqttSender.open(port);
  },

  async makeQueues({ followers }: { followers: number }): Promise<void> {
    await nats?.makeQueues(followers);
  },

  async send({ to, ...sending }: Sending & { to: "nats" | "jetStream" | "mosquitto" }): Promise<Sent> {
    return sendAll(sending, async (follower, text) => {
      switch (to) {
        case "nats":
          return (await nats?.publish(follower, text)) ?? "not open";
        case "jetStream":
          return (await nats?.enqueue(follower, text)) ?? "not open";
        case "mosquitto":
          return (await mqtt?.publish(follower, text)) ?? "not open";
      }
    });
  },
};
export type BrokerSenderCommands = typeof commands;

serveCommands(commands);
