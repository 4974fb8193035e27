import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger } from "../log/index.ts";
import { AdminError, AdminListenError, type AdminRoute, AdminServer } from "./index.ts";

const servers: AdminServer[] = [];
const logged: string[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  logged.length = 0;
});

function serverWith(port = 0, trustedProxies: readonly string[] = []): AdminServer {
  const logger = createLogger("info", "test", { write: (line) => void logged.push(line) });
  const server = new AdminServer({ host: "127.0.0.1", port, trustedProxies, logger });
  servers.push(server);
  return server;
}

async function serving(path: string, handler: AdminRoute, method: "GET" | "POST" = "GET"): Promise<string> {
  const server = serverWith();
  server.route(method, path, handler);
  return (await server.listen()).url;
}

/** All that comes back on one socket for what is written to it. */
async function speak(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk.toString();
  });
  socket.on("error", () => {});
  socket.write(text);
  await once(socket, "close");
  return heard;
}

describe("what is answered", () => {
  it("gives the route what was asked, and the asker what the route answers", async () => {
    const url = await serving(
      "/echo",
      async (request) => ({
        status: 201,
        headers: { "x-own": "yes" },
        body: `${request.method} ${request.url.searchParams.get("a")} ${request.address} ${await request.body(10)}`,
      }),
      "POST",
    );
    const answer = await fetch(`${url}/echo?a=b%20c`, { method: "POST", body: "0123456789" });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("x-own")).toBe("yes");
    expect(await answer.text()).toBe("POST b c 127.0.0.1 0123456789");
  });

  it.each([
    ["the client that a trusted proxy names", ["127.0.0.1"], "203.0.113.9"],
    ["the socket's other end, whatever that claims, when nobody is trusted", [], "127.0.0.1"],
  ])("tells the route where the asker is: %s", async (_, trustedProxies, address) => {
    const server = serverWith(0, trustedProxies);
    server.route("GET", "/", (request) => ({ status: 200, body: request.address }));
    const { url } = await server.listen();
    const answer = await fetch(url, { headers: { "x-forwarded-for": "198.51.100.1, 203.0.113.9" } });
    expect(await answer.text()).toBe(address);
  });

  it("answers HEAD as GET, without the body", async () => {
    const url = await serving("/page", () => ({ status: 200, body: "page" }));
    const answer = await fetch(`${url}/page`, { method: "HEAD" });
    expect([answer.status, answer.headers.get("content-length"), await answer.text()]).toEqual([200, "4", ""]);
  });

  it("takes an exact path before a prefix, and of prefixes the longest", async () => {
    const server = serverWith();
    const named =
      (name: string): AdminRoute =>
      () => ({ status: 200, body: name });
    server.route("GET", { prefix: "/" }, named("root"));
    server.route("GET", { prefix: "/a/" }, named("folder"));
    server.route("GET", "/a/b", named("exact"));
    const { url } = await server.listen();
    const bodies = ["/x", "/a/c", "/a/b"].map(async (path) => (await fetch(url + path)).text());
    expect(await Promise.all(bodies)).toEqual(["root", "folder", "exact"]);
  });

  it("refuses a second handler for one method and path", () => {
    const server = serverWith();
    server.route("GET", "/a", () => ({ status: 200 }));
    expect(() => server.route("GET", "/a", () => ({ status: 200 }))).toThrow("GET /a has a handler already.");
  });

  it("answers 404 where nothing is, and 405 naming the methods there are", async () => {
    const url = await serving("/metrics", () => ({ status: 200 }));
    const lost = await fetch(`${url}/metric`);
    expect([lost.status, await lost.text()]).toEqual([404, "There is nothing here.\n"]);
    const wrong = await fetch(`${url}/metrics`, { method: "DELETE" });
    expect([wrong.status, wrong.headers.get("allow"), await wrong.text()]).toEqual([405, "GET", "Only GET.\n"]);
  });

  it("answers a route's AdminError with its status and sentence", async () => {
    const url = await serving("/", () => {
      throw new AdminError(403, "Not from there.");
    });
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([403, "Not from there.\n"]);
  });

  it("tells nobody but the log why a route failed", async () => {
    const url = await serving("/", async () => {
      throw new Error("redis://:hunter2@host");
    });
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([500, "That failed: the log of this process says why.\n"]);
    expect(logged.join()).toContain("an admin route failed");
  });

  it.each(["/", "/nothing", "/fails"])("puts the security headers on what it answers to %s", async (path) => {
    const server = serverWith();
    server.route("GET", "/", () => ({ status: 200, headers: { "X-Frame-Options": "ALLOWALL" } }));
    server.route("GET", "/fails", () => {
      throw new Error("no");
    });
    const { headers } = await fetch((await server.listen()).url + path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
  });

  it("lets a route bring its own content security policy", async () => {
    const url = await serving("/", () => ({
      status: 200,
      headers: { "Content-Security-Policy": "script-src 'self'" },
    }));
    expect((await fetch(url)).headers.get("content-security-policy")).toBe("script-src 'self'");
  });
});

describe("what is bounded", () => {
  it("refuses a body that is too large, whether it says so or not, and forgets it", async () => {
    const url = await serving("/", async (request) => ({ status: 200, body: await request.body(8) }), "POST");
    const told = await fetch(url, { method: "POST", body: "123456789" });
    expect([told.status, await told.text()]).toEqual([413, "The body is too large: 8 bytes at most.\n"]);
    const untold = httpRequest(url, { method: "POST", headers: { "transfer-encoding": "chunked" } });
    untold.write("12345");
    untold.end("6789");
    const [answer] = await once(untold, "response");
    expect(answer.statusCode).toBe(413);
    answer.resume();
  });

  it("answers who sends a large body that no route reads", async () => {
    const url = await serving("/", () => ({ status: 200 }), "POST");
    expect((await fetch(`${url}/nowhere`, { method: "POST", body: "x".repeat(4_000_000) })).status).toBe(404);
  });

  it("refuses headers that are too large", async () => {
    const url = await serving("/", () => ({ status: 200 }));
    const answer = await speak(url, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*nosniff[\s\S]*The headers are too large: 16384 bytes at most\.\n$/);
  });

  it.each([
    ["what is no HTTP", "hello\r\n\r\n"],
    ["a target that is no path", "GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
  ])("refuses %s", async (_, text) => {
    const url = await serving("/", () => ({ status: 200 }));
    expect(await speak(url, text)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("never takes the start of a path for a host", async () => {
    const url = await serving("//elsewhere/a", ({ url: asked }) => ({ status: 200, body: asked.host }));
    expect(await speak(url, "GET //elsewhere/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).toMatch(
      /\r\n\r\nadmin$/,
    );
  });
});

describe("upgrades", () => {
  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

  it("hands the socket to the handler of that path, and refuses others", async () => {
    const server = serverWith();
    server.onUpgrade("/live", (_request, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\nlive"));
    const { url } = await server.listen();
    expect(await speak(url, upgrade("/live"))).toMatch(/^HTTP\/1\.1 101 [\s\S]*live$/);
    expect(await speak(url, upgrade("/other"))).toMatch(/^HTTP\/1\.1 404 [\s\S]*There is nothing here\.\n$/);
  });

  it("cuts them off when it is closed", async () => {
    const server = serverWith();
    const opened = Promise.withResolvers<void>();
    server.onUpgrade("/live", () => opened.resolve());
    const { url } = await server.listen();
    const spoken = speak(url, upgrade("/live"));
    await opened.promise;
    await server.close();
    expect(await spoken).toBe("");
  });
});

describe("its address", () => {
  it("says what to do when the port is taken", async () => {
    const { url } = await serverWith().listen();
    const { port } = new URL(url);
    const refused = serverWith(Number(port)).listen();
    await expect(refused).rejects.toThrow(AdminListenError);
    await expect(refused).rejects.toThrow(`Port ${port} is taken: stop what listens there, or set YONEXUS_ADMIN_PORT.`);
  });

  it("finishes the answer under way when it is closed, and listens no more", async () => {
    const server = serverWith();
    const asked = Promise.withResolvers<void>();
    const mayAnswer = Promise.withResolvers<void>();
    server.route("GET", "/slow", async () => {
      asked.resolve();
      await mayAnswer.promise;
      return { status: 200, body: "done" };
    });
    const { url } = await server.listen();
    const answer = fetch(`${url}/slow`);
    await asked.promise;
    const closed = server.close();
    mayAnswer.resolve();
    expect(await (await answer).text()).toBe("done");
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });
});
