import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../support/waitFor.ts";
import { TcpProxy } from "./tcpProxy.ts";

/** One end of a connection, and all that came to it. */
class End {
  readonly socket: Socket;
  received = "";
  ended = false;
  closed: "fin" | "reset" | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    let failed = false;
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      this.received += String(text);
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("error", () => {
      failed = true;
    });
    socket.on("close", () => {
      this.closed = failed ? "reset" : "fin";
    });
  }

  async hears(text: string): Promise<void> {
    await waitFor(`${JSON.stringify(text)} to arrive`, () => this.received === text);
  }
}

describe("The TCP proxy", () => {
  let server: Server;
  let proxy: TcpProxy;
  const accepted: End[] = [];
  const clients: End[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(new End(socket)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await TcpProxy.open({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  });

  afterEach(async () => {
    await proxy.close();
    for (const end of [...accepted.splice(0), ...clients.splice(0)]) end.socket.destroy();
    server.close();
  });

  async function open(): Promise<{ client: End; peer: End }> {
    const count = accepted.length;
    const client = new End(connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }));
    clients.push(client);
    await once(client.socket, "connect");
    const peer = await waitFor("the connection to the target", () => accepted[count]);
    return { client, peer };
  }

  it("passes bytes and the end of each direction on", async () => {
    const { client, peer } = await open();
    client.socket.end("to the target");
    await peer.hears("to the target");
    await waitFor("the end of the client's direction", () => peer.ended);
    peer.socket.end("to the client");
    await client.hears("to the client");
    await waitFor("the connection to be over", () => client.closed === "fin" && proxy.connections === 0);
  });

  it("delays each direction, and keeps the order when the delay becomes shorter", async () => {
    const { client, peer } = await open();
    proxy.delay(150);
    const sentAt = performance.now();
    client.socket.write("a");
    peer.socket.write("A");
    await waitFor("the first bytes to be under way", () => performance.now() - sentAt >= 30);
    expect([peer.received, client.received]).toEqual(["", ""]);
    proxy.delay(0);
    client.socket.write("b");
    await peer.hears("ab");
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(149);
    await client.hears("A");
  });

  it("cuts with a reset, refuses new connections, and takes them again after it healed", async () => {
    const { client, peer } = await open();
    proxy.cut();
    await waitFor("the reset of both ends", () => client.closed === "reset" && peer.closed === "reset");
    const refused = new End(connect({ port: proxy.port, host: "127.0.0.1" }));
    clients.push(refused);
    await waitFor("the refusal", () => refused.closed === "reset");
    expect(accepted).toHaveLength(1);
    proxy.heal();
    const again = await open();
    again.client.socket.write("back");
    await again.peer.hears("back");
  });

  it("cuts in order when it is told to", async () => {
    const { client, peer } = await open();
    proxy.cut("fin");
    await waitFor("the end of both directions", () => client.ended && peer.ended);
    expect([client.closed, peer.closed]).not.toContain("reset");
  });

  it("keeps half-open connections that lose everything, the word of their end too, and resets them when it heals", async () => {
    const { client, peer } = await open();
    client.socket.write("before ");
    await peer.hears("before ");
    proxy.halfOpen();
    client.socket.write("lost");
    peer.socket.write("lost");
    const late = new End(connect({ port: proxy.port, host: "127.0.0.1" }));
    clients.push(late);
    await once(late.socket, "connect");
    peer.socket.end();
    await once(peer.socket, "finish");
    proxy.heal();
    await waitFor("the reset", () => client.closed === "reset");
    expect(client.received).toBe("");
    expect(client.ended).toBe(false);
    expect(peer.received).toBe("before ");
  });

  it("loses one direction alone when it is told to", async () => {
    const { client, peer } = await open();
    proxy.halfOpen("toClient");
    client.socket.write("heard");
    await peer.hears("heard");
    peer.socket.write("lost");
    client.socket.write("!");
    await peer.hears("heard!");
    expect(client.received).toBe("");
  });

  it("stalls without losing a byte: the sender runs into back pressure", async () => {
    const { client, peer } = await open();
    proxy.stall();
    const chunk = "x".repeat(65_536);
    let written = 0;
    const most = 1_024;
    while (written < most && client.socket.writableLength < 1_048_576) {
      client.socket.write(chunk);
      written += 1;
      await new Promise((resume) => setImmediate(resume));
    }
    expect(written).toBeLessThan(most);
    expect(peer.received).toBe("");
    proxy.heal();
    await waitFor("all of it", () => peer.received.length === written * chunk.length);
  });

  it("holds no more than its bound while it delays", async () => {
    const { client, peer } = await open();
    proxy.delay(60_000);
    const chunk = "x".repeat(65_536);
    for (let written = 0; written < 256; written++) client.socket.write(chunk);
    await waitFor("the back pressure", () => client.socket.writableLength > 1_048_576);
    expect(peer.received).toBe("");
  });

  it("stands before a unix socket as well", async () => {
    const folder = mkdtempSync(join(tmpdir(), "proxy-"));
    const path = join(folder, "s");
    const target = createServer((socket) => socket.pipe(socket));
    target.listen(path);
    await once(target, "listening");
    const onUnix = await TcpProxy.open({ path }, join(folder, "p"));
    const client = new End(connect({ path: join(folder, "p") }));
    clients.push(client);
    client.socket.write("echo");
    await client.hears("echo");
    onUnix.cut();
    await waitFor("the end", () => client.closed !== undefined);
    await onUnix.close();
    target.close();
    rmSync(folder, { recursive: true });
  });
});
