import { BENCH_RULE } from "../arrivals.ts";
import { outgoingBytes } from "../leanSocket.ts";
import { addressOf, type FollowerProtocol } from "./followerProtocol.ts";
import { MQTT, MqttReader, mqttConnect, mqttPayload, mqttSubscribe } from "./mqttPackets.ts";

const RULE_LENGTH = BENCH_RULE.length + 2;
const CONNECTED = Buffer.from([MQTT.connack << 4, 2, 0, 0]);
const SUBSCRIBED = Buffer.from([MQTT.suback << 4, 3, 0, 1, 0]);

/** MQTT 3.1.1 over WebSocket, subscribed at most once. */
export const mqttFollower: FollowerProtocol = {
  subprotocol: "mqtt",
  path: () => "/mqtt",
  exchange: (index) => [
    { outgoing: outgoingBytes(mqttConnect(addressOf(index))), answer: CONNECTED },
    { outgoing: outgoingBytes(mqttSubscribe(addressOf(index))), answer: SUBSCRIBED },
  ],
  reader: (take) => {
    const reader = new MqttReader((type, body) => {
      if (type === MQTT.publish) take(mqttPayload(body).slice(RULE_LENGTH));
    });
    return (payload) => reader.read(payload);
  },
};
