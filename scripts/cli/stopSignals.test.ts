import { describe, expect, it } from "vitest";
import { countStops } from "./stopSignals.ts";

function press() {
  let time = 0;
  const seen: string[] = [];
  const received = countStops({ stop: () => seen.push("stop"), force: () => seen.push("force") }, () => time);
  return {
    seen,
    at: (ms: number) => {
      time = ms;
      received();
    },
  };
}

describe("stop signals", () => {
  it("the first one drains", () => {
    const { seen, at } = press();
    at(0);
    expect(seen).toEqual(["stop"]);
  });

  it("one Ctrl-C that arrives twice does not force", () => {
    const { seen, at } = press();
    at(0);
    at(120);
    expect(seen).toEqual(["stop"]);
  });

  it("a second one forces", () => {
    const { seen, at } = press();
    at(0);
    at(2_000);
    expect(seen).toEqual(["stop", "force"]);
  });
});
