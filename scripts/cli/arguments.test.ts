import { describe, expect, it } from "vitest";
import { parseIdentifier, parseMessage, parseRule, parseWebSocketUrl, wholeNumber } from "./arguments.ts";
import { UsageError } from "./cliError.ts";

describe("arguments", () => {
  it.each(["", "-a", "a b", "ä", "a".repeat(65)])("refuse %j as an identifier", (text) => {
    expect(() => parseIdentifier(text)).toThrow(UsageError);
  });

  it("take an identifier as it is", () => {
    expect(parseIdentifier("gateway-1.eu")).toBe("gateway-1.eu");
  });

  it.each(["", "builtin", "a::b", "a:", "a\u0007b"])("refuse %j as a rule", (text) => {
    expect(() => parseRule(text)).toThrow(UsageError);
  });

  it("never repeat a control character that was typed", () => {
    expect(() => parseRule("a\u001b[2J::")).toThrow(/\\x1b/u);
  });

  it.each(["hello", "::hello", "builtin::{}"])("refuse %j as a message", (text) => {
    expect(() => parseMessage(text)).toThrow(UsageError);
  });

  it("take content that holds the separator", () => {
    expect(parseMessage("chat::a::b")).toBe("chat::a::b");
  });

  it.each(["-1", "0", "65536", "1.5", "1e3", "", "8787 "])("refuse %j as a port", (text) => {
    expect(() => wholeNumber("a port", 1, 65_535)(text)).toThrow(UsageError);
  });

  it("take a port", () => {
    expect(wholeNumber("a port", 1, 65_535)("8787")).toBe(8787);
  });

  it.each(["127.0.0.1:8787", "http://a", "ws://"])("refuse %j as the address of a node", (text) => {
    expect(() => parseWebSocketUrl(text)).toThrow(UsageError);
  });
});
