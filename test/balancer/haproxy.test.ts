import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePorts } from "../support/freePorts.ts";
import { waitFor } from "../support/waitFor.ts";

const CONFIG = join(import.meta.dirname, "../../deploy/haproxy.cfg");
const HAPROXY = process.env.YONEXUS_TEST_HAPROXY ?? "haproxy";

describe("deploy/haproxy.cfg", () => {
  const folder = mkdtempSync(join(tmpdir(), "haproxy-"));
  /** What coordinators were asked, health checks left out, and how they answer. */
  let asked: string[] = [];
  let answering: "well" | "not at all" = "well";
  let servers: Server[];
  let balancer: ChildProcess | undefined;
  let port: number;

  beforeAll(async () => {
    servers = [1, 2].map(() =>
      createServer((message, response) => {
        if (message.url !== "/healthz") asked.push(`${message.method} ${message.headers["x-forwarded-for"]}`);
        if (message.url !== "/healthz" && answering === "not at all") message.socket.destroy();
        else message.resume().on("end", () => response.end("{}"));
      }).listen(0, "127.0.0.1"),
    );
    await Promise.all(servers.map(async (server) => once(server, "listening")));
    const lines = servers.map(
      (server, index) => `  server c${index} 127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    const config = readFileSync(CONFIG, "utf8").replace(/^ {2}server-template coordinator .*$/mu, lines.join("\n"));
    // HAProxy tells no port that it chose, and one that was free may be taken by the time that it listens: then it ends.
    let how: string | undefined;
    for (let tries = 0; tries < 3 && how !== "up"; tries++) {
      const [followers = 0, admin = 0, statistics = 0] = await freePorts(3);
      port = admin;
      writeFileSync(
        join(folder, "haproxy.cfg"),
        config
          .replace("bind :8787", `bind 127.0.0.1:${followers}`)
          .replace("bind :9090", `bind 127.0.0.1:${admin}`)
          .replace("bind :8404", `bind 127.0.0.1:${statistics}`),
      );
      const child = spawn(HAPROXY, ["-db", "-f", join(folder, "haproxy.cfg")], { stdio: "ignore" });
      balancer = child;
      how = await waitFor("the balancer", async () =>
        child.exitCode === null
          ? (await fetch(`http://127.0.0.1:${port}/`)).ok && "up"
          : `ended with ${child.exitCode}`,
      );
    }
    expect(how).toBe("up");
  }, 90_000);
  beforeEach(() => {
    asked = [];
    answering = "well";
  });
  afterAll(() => {
    balancer?.kill("SIGKILL");
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The status of the answer, on a connection of its own. */
  const ask = (method: "GET" | "POST", path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ port, path, method, agent: false }, (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end(method === "POST" ? "{}" : undefined);
    });

  it("is a configuration that HAProxy takes", () => {
    expect(spawnSync(HAPROXY, ["-c", "-f", CONFIG], { encoding: "utf8" }).status).toBe(0);
  });

  it("asks a second coordinator when one does not answer, and never sends a POST twice", async () => {
    answering = "not at all";
    expect(await ask("GET", "/console/")).toBe(502);
    expect(asked.length).toBeGreaterThan(1);
    asked = [];
    expect(await ask("POST", "/console/api/decide")).toBe(502);
    expect(asked).toEqual(["POST 127.0.0.1"]);
  });

  it("keeps a request to itself until all of its body is there", async () => {
    const socket = connect(port, "127.0.0.1");
    let heard = "";
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString();
    });
    socket.write("POST /console/api/decide HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{");
    // Whoever comes after it is through before.
    await fetch(`http://127.0.0.1:${port}/console/`);
    expect(asked).toEqual(["GET 127.0.0.1"]);
    socket.write("}");
    await waitFor("the answer", () => heard.includes("200 OK"));
    expect(asked).toEqual(["GET 127.0.0.1", "POST 127.0.0.1"]);
    socket.destroy();
  });
});
