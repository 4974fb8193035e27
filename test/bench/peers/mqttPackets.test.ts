import fc from "fast-check";
import { expect, test } from "vitest";
import { cutsOf } from "./cuts.ts";
import { MQTT, MqttReader, mqttPublish } from "./mqttPackets.ts";

const topic = "follower-7";

test("the packets of an MQTT server are read however what it sends is cut, also those with a long length", () => {
  const payload = fc.oneof(
    fc.stringMatching(/^[ -~]{0,20}$/u),
    fc.nat(20_000).map((length) => "x".repeat(length)),
  );
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 900 })),
      (sent, sizes) => {
        const read: [number, string][] = [];
        const reader = new MqttReader((type, body) => read.push([type, body.toString("latin1")]));
        const bytes = Buffer.concat(sent.map((text, index) => mqttPublish(topic, index + 1, text)));
        for (const chunk of cutsOf(bytes, sizes)) reader.read(chunk);
        expect(read).toEqual(
          sent.map((text, index) => [
            MQTT.publish,
            `\0${String.fromCharCode(topic.length)}${topic}\0${String.fromCharCode(index + 1)}${text}`,
          ]),
        );
      },
    ),
  );
});
