import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv6, type Socket } from "node:net";

/** Where a request comes from. Behind trusted proxies it is the client that they name. */
export class SourceAddresses {
  readonly #trusted = new BlockList();

  /** @param trustedProxies addresses and CIDR ranges whose X-Forwarded-For is believed. */
  constructor(trustedProxies: readonly string[]) {
    for (const entry of trustedProxies) {
      const [address = "", prefix] = entry.split("/");
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      if (prefix === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(prefix), family);
    }
  }

  /** As limits count it. */
  of(request: IncomingMessage): string {
    return counted(this.#address(request));
  }

  /** The address itself, for people. */
  exactly(request: IncomingMessage): string {
    return this.#address(request) || "unknown";
  }

  #address(request: IncomingMessage): string {
    let address = plain(request.socket.remoteAddress ?? "");
    const header = request.headers["x-forwarded-for"];
    const hops = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").map((hop) => plain(hop.trim()));
    // From the nearest hop outwards: what an untrusted peer claims of those before it is not believed.
    while (this.#isTrusted(address)) {
      const hop = hops.pop();
      if (hop === undefined || isIP(hop) === 0) break;
      address = hop;
    }
    return address;
  }

  /** The same of a socket that has sent nothing yet; undefined when it is a trusted proxy's, which stands for many. */
  ofSocket({ remoteAddress }: Pick<Socket, "remoteAddress">): string | undefined {
    const address = plain(remoteAddress ?? "");
    return this.#isTrusted(address) ? undefined : counted(address);
  }

  #isTrusted(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

/** Without the port that some proxies add. An IPv4 address that a dual-stack socket shows as IPv6 is IPv4. */
function plain(hop: string): string {
  const address = hop.replace(/^\[([^\]]*)\](?::\d+)?$/u, "$1").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/u, "$1");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/iu, "");
}

/** One IPv6 customer has a whole /64, so that is what is counted. */
function counted(address: string): string {
  if (!isIPv6(address)) return address === "" ? "unknown" : address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
