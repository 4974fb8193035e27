import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SourceAddresses } from "./sourceAddress.ts";

/** What the address is read from, and nothing more of a request. */
function request(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const behindProxies = new SourceAddresses(["10.0.0.0/8", "192.0.2.7", "2001:db8:ffff::/48"]);

describe("the source address", () => {
  it("is that of the peer, whatever an untrusted one claims", () => {
    expect(behindProxies.of(request("203.0.113.9"))).toBe("203.0.113.9");
    expect(behindProxies.of(request("203.0.113.9", "198.51.100.1"))).toBe("203.0.113.9");
    expect(new SourceAddresses([]).of(request("10.0.0.1", "198.51.100.1"))).toBe("10.0.0.1");
  });

  it("behind trusted proxies is the nearest that is none of them: what stands before it is not believed", () => {
    expect(behindProxies.of(request("10.1.2.3", "198.51.100.1"))).toBe("198.51.100.1");
    expect(behindProxies.of(request("10.1.2.3", "6.6.6.6, 198.51.100.1, 192.0.2.7"))).toBe("198.51.100.1");
    expect(behindProxies.of(request("10.1.2.3", "10.9.9.9,198.51.100.1"))).toBe("198.51.100.1");
    expect(behindProxies.of(request("2001:db8:ffff::1", "198.51.100.1"))).toBe("198.51.100.1");
    expect(behindProxies.of(request("10.1.2.3", "198.51.100.1:4711"))).toBe("198.51.100.1");
    expect(behindProxies.of(request("10.1.2.3", "[2001:db8:1:2::9]:4711"))).toBe("2001:db8:1:2::/64");
  });

  it("is the proxy's own when it names nobody, or something that is no address", () => {
    for (const forwarded of [undefined, "", " , ", "unknown", "::::", "1.2.3", "<script>", "_hidden"]) {
      expect(behindProxies.of(request("10.1.2.3", forwarded))).toBe("10.1.2.3");
    }
  });

  it("of an IPv6 customer is the /64, in one spelling", () => {
    const spellings = [
      "2001:db8:1:2::1",
      "2001:db8:1:2:ffff:ffff:ffff:ffff",
      "2001:0DB8:0001:0002::",
      "2001:db8:1:2::1%eth0",
    ];
    expect(new Set(spellings.map((address) => behindProxies.of(request(address))))).toEqual(
      new Set(["2001:db8:1:2::/64"]),
    );
    expect(behindProxies.of(request("2001:db8:1:3::1"))).toBe("2001:db8:1:3::/64");
    expect(behindProxies.of(request("2001:db8::1"))).toBe("2001:db8:0:0::/64");
  });

  it("of an IPv4 peer on a dual-stack socket is the IPv4 address, so that trust and limits are one", () => {
    expect(behindProxies.of(request("::ffff:203.0.113.9"))).toBe("203.0.113.9");
    expect(behindProxies.of(request("::FFFF:10.1.2.3", "::ffff:198.51.100.1"))).toBe("198.51.100.1");
  });

  it("of a socket that is gone already is `unknown`", () => {
    expect(behindProxies.of(request(undefined))).toBe("unknown");
  });

  it("is found whatever the header holds: never a throw, never a text that the header made up", () => {
    const anyHop = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string(),
      fc.constantFrom("10.0.0.1", "fe80::1%eth0", "::", "::ffff:0:0"),
    );
    fc.assert(
      fc.property(
        fc.array(anyHop, { maxLength: 6 }),
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("10.0.0.1")),
        (hops, peer) => {
          expect(behindProxies.of(request(peer, hops.join(",")))).toMatch(
            /^(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{1,4}:){4}:\/64)$/u,
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
