import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OperatorNotice } from "./notifier.ts";
import { renderJson, renderMessage, renderTerminal } from "./render.ts";

const CODE = "7K3M-9QXZ";

function pairing(fields: Partial<{ identifier: string; fingerprint: string; address: string; minutesLeft: number }>) {
  const { minutesLeft = 5, ...given } = fields;
  return {
    kind: "pairing",
    id: "pairing-1",
    minutesLeft,
    pairing: {
      pairingId: "pairing-1",
      identifier: "alpha",
      fingerprint: "0011-2233-4455-6677-8899-aabb-ccdd-eeff",
      code: CODE,
      address: "203.0.113.7",
      expiresAt: 1_800_000_123_456,
      ...given,
    },
  } as const satisfies OperatorNotice;
}

const limit = {
  kind: "limit",
  id: "limit-1",
  limit: { kind: "limit", identifier: "alpha", address: "203.0.113.7", limit: "address_limit" },
} as const satisfies OperatorNotice;

function takeover(fields: Partial<{ identifier: string; address: string; owner: string }> = {}) {
  return {
    kind: "takeover",
    id: "takeover-1",
    takeover: { kind: "takeover", identifier: "alpha", address: "203.0.113.7", owner: "198.51.100.4", ...fields },
  } as const satisfies OperatorNotice;
}

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3000 }),
  fc
    .array(
      fc.constantFrom("`", "\n", "\r", "*", "@everyone", "\u202e", "\u2028", "``` ", "\\", CODE, `\n\`${CODE}\`\n`),
    )
    .map((parts) => parts.join("")),
);

describe("the message about a pairing", () => {
  it("names the follower, its key, its address and the minutes left, and has the code last", () => {
    expect(renderMessage(pairing({}))).toBe(
      [
        "**A follower asks to pair**",
        "Follower: `alpha`",
        "Key fingerprint: `0011-2233-4455-6677-8899-aabb-ccdd-eeff`",
        "From: `203.0.113.7`",
        "If you expect it, and it shows the same fingerprint, give it this code within 5 minutes:",
        "",
        "`7K3M-9QXZ`",
      ].join("\n"),
    );
  });

  it("with buttons says that one of them does instead of the code", () => {
    expect(renderMessage(pairing({}), true)).toContain("give it this code within 5 minutes, or press Approve:");
  });

  it("says one minute in the singular", () => {
    expect(renderMessage(pairing({ minutesLeft: 1 }))).toContain("within 1 minute:");
  });

  it("has the code alone on one line in a code span, and under 2000 characters, whatever a stranger sent", () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (identifier, fingerprint, address) => {
        const message = renderMessage(pairing({ identifier, fingerprint, address }));
        const lines = message.split(/[\n\r\u2028\u2029]/u);
        expect(lines).toHaveLength(7);
        expect(lines.filter((line) => line === `\`${CODE}\``)).toHaveLength(1);
        expect(lines.at(-1)).toBe(`\`${CODE}\``);
        // Each value is inside one code span: two backticks a line.
        for (const line of lines.slice(1, 4)) expect(line).toMatch(/^[^`]+: `[^`]+`$/u);
        expect(message.length).toBeLessThan(2000);
      }),
    );
  });
});

describe("the message about a limit", () => {
  it("names the follower, the address and the limit, and says what to do", () => {
    const message = renderMessage(limit);
    expect(message).toContain("`alpha`");
    expect(message).toContain("`203.0.113.7`");
    expect(message).toContain("pairing notices in an hour from this address");
    expect(message).toContain("block the address");
  });
});

describe("the message about a takeover conflict", () => {
  it("names the follower and both addresses, and says what to do", () => {
    expect(renderMessage(takeover()).split("\n")).toEqual([
      "**Followers at two addresses use one identifier**",
      "Follower: `alpha`",
      "Keeps the session: `198.51.100.4`",
      "Sent away: `203.0.113.7`",
      expect.stringContaining("stop one of the two"),
      "`yonexus repair alpha`",
      "`yonexus revoke alpha`",
    ]);
  });

  it("has each value inside one code span, and under 2000 characters, whatever a stranger sent", () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (identifier, address, owner) => {
        const message = renderMessage(takeover({ identifier, address, owner }));
        const lines = message.split(/[\n\r\u2028\u2029]/u);
        expect(lines).toHaveLength(7);
        for (const line of lines.slice(1, 4)) expect(line).toMatch(/^[^`]+: `[^`]+`$/u);
        for (const line of lines.slice(5)) expect(line).toMatch(/^`yonexus (?:repair|revoke)[^`]*`$/u);
        expect(message.length).toBeLessThan(2000);
      }),
    );
  });

  it("says the same on a terminal, without a control character of a stranger, and as one line of JSON", () => {
    const text = renderTerminal(takeover({ owner: "x\u001b[2J\r\ny" }));
    for (const part of ["alpha", "203.0.113.7", "stop one of the two", "yonexus repair alpha"]) {
      expect(text).toContain(part);
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/u);
    expect(JSON.parse(renderJson(takeover()))).toEqual({
      event: "takeover_conflict",
      identifier: "alpha",
      address: "203.0.113.7",
      owner: "198.51.100.4",
    });
  });
});

describe("the terminal", () => {
  it("shows the code alone on its line, and no control character of a stranger", () => {
    const text = renderTerminal(pairing({ identifier: "a\u001b[2Jb", address: "x\r\ny" }));
    expect(text.split("\n").map((line) => line.trim())).toContain(CODE);
    expect(text).toContain("yonexus approve pairing-, or refuse it with yonexus deny pairing-");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/u);
  });

  it("prints JSON lines with the code and the expiry in unix seconds", () => {
    expect(JSON.parse(renderJson(pairing({})))).toEqual({
      event: "pairing_code",
      identifier: "alpha",
      code: CODE,
      fingerprint: "0011-2233-4455-6677-8899-aabb-ccdd-eeff",
      id: "pairing-",
      expiresAt: 1_800_000_123,
    });
    expect(JSON.parse(renderJson(limit))).toEqual({
      event: "pairing_limit",
      identifier: "alpha",
      address: "203.0.113.7",
      limit: "address_limit",
    });
    expect(renderJson(pairing({ identifier: "a\nb" }))).not.toContain("\n");
  });
});
