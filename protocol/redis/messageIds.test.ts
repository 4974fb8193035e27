import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isIdentifier, isMessageId } from "../wire/index.ts";
import { namedIdentifier, newMessageId } from "./messageIds.ts";

const identifiers = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9]$/u), fc.stringMatching(/^[A-Za-z0-9._-]{0,63}$/u))
  .map(([first, rest]) => first + rest);

describe("a new message id", () => {
  it("is a message id of its own, and names its follower where that fits", () => {
    fc.assert(
      fc.property(identifiers, (identifier) => {
        expect(isIdentifier(identifier)).toBe(true);
        const { messageId, isOwnId } = newMessageId(identifier);
        expect(isMessageId(messageId)).toBe(true);
        expect(newMessageId(identifier).messageId).not.toBe(messageId);
        if (!isOwnId) expect(namedIdentifier(messageId)).toBe(identifier);
        expect(isOwnId).toBe(identifier.replace(/[.-]/gu, "xx").length > 51);
      }),
    );
  });

  it("writes hyphens and dots so that no two followers share a name", () => {
    expect(newMessageId("a-d.b").messageId).toMatch(/^a--d-db_[A-Za-z0-9_-]{12}$/u);
  });
});

describe("an id of a sender's own", () => {
  it.each(["", "order-1", "_123456789012", "a-x_123456789012", "-dd_123456789012", "a-_123456789012"])(
    "names nobody: %s",
    (messageId) => {
      expect(namedIdentifier(messageId)).toBeUndefined();
    },
  );

  it("of any form names an identifier or nobody", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/u), (messageId) => {
        const named = namedIdentifier(messageId);
        if (named !== undefined) expect(isIdentifier(named)).toBe(true);
      }),
    );
  });
});
