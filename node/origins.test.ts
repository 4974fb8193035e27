import { describe, expect, it } from "vitest";
import { AllowedOrigins } from "./origins.ts";

const origins = new AllowedOrigins(["https://example.org", "http://localhost:3000"]);
const refused = (headers: Record<string, string | string[]>) => origins.refusal({ headers })?.status === 403;

describe("a request to connect", () => {
  it("that tells no origin is one of a program, and passes", () => {
    expect(origins.refusal({ headers: {} })).toBeUndefined();
  });

  it("of a page that is listed passes", () => {
    expect(refused({ origin: "https://example.org" })).toBe(false);
    expect(refused({ origin: "http://localhost:3000" })).toBe(false);
  });

  it.each([
    "https://example.com",
    "http://example.org",
    "https://example.org:444",
    "https://example.org.evil.example",
    "https://evil.example/https://example.org",
    "https://sub.example.org",
    "HTTPS://EXAMPLE.ORG",
    "https://example.org/",
    "https://example.org, https://evil.example",
    "null",
    "",
  ])("of any other page (%j) is refused for good: 403, without a time to come back", (origin) => {
    expect(origins.refusal({ headers: { origin } })).toEqual({
      status: 403,
      cause: "origin",
      reason: expect.stringContaining("YONEXUS_ALLOWED_ORIGINS"),
    });
  });

  it("of a page is known by the older header too, and by either of both", () => {
    expect(refused({ "sec-websocket-origin": "https://evil.example" })).toBe(true);
    expect(refused({ origin: "https://example.org", "sec-websocket-origin": "https://evil.example" })).toBe(true);
  });

  it("of any page is refused where none is listed", () => {
    expect(new AllowedOrigins([]).refusal({ headers: { origin: "https://example.org" } })?.status).toBe(403);
  });
});
