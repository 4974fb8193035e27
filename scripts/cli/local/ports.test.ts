import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireFreePorts } from "./ports.ts";

describe("the ports of the nodes", () => {
  let taken: Server;
  let port: number;
  beforeEach(async () => {
    taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    port = (taken.address() as AddressInfo).port;
  });
  afterEach(() => taken.close());

  it("that are taken are named, with the option that mends it", async () => {
    await expect(requireFreePorts("127.0.0.1", [port], false)).rejects.toThrow(`Port ${port} is taken`);
    await expect(requireFreePorts("127.0.0.1", [port], false)).rejects.toThrow("--port");
  });

  it("that a killed cluster still holds for a moment are waited for", async () => {
    const waiting = requireFreePorts("127.0.0.1", [port], true);
    taken.close();
    await expect(waiting).resolves.toBeUndefined();
  });

  it("on an address of another machine are refused", async () => {
    await expect(requireFreePorts("192.0.2.1", [port], false)).rejects.toThrow("YONEXUS_LISTEN_HOST");
  });
});
