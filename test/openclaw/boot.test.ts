import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OpenclawGateway } from "../support/openclawGateway.ts";
import { compileCache, openclawHost } from "../support/openclawGatewayProfile.ts";
import { recordBoot } from "../support/openclawGatewayReport.ts";

// Without the plugin: what the gateway itself costs, beside which the plugin is measured.
let gateway: OpenclawGateway;
const warm = existsSync(compileCache());

beforeAll(async () => {
  gateway = await OpenclawGateway.start();
});

afterAll(async () => {
  await gateway?.remove();
});

test("a bare gateway is ready, is the OpenClaw that was installed, and reports nothing broken", async () => {
  const response = await fetch(`${gateway.url}/readyz`);
  expect(await response.json()).toMatchObject({ ready: true, failing: [] });
  const { version } = JSON.parse(readFileSync(join(openclawHost(), "package.json"), "utf8"));
  expect(await gateway.call("status")).toMatchObject({ runtimeVersion: version, pid: gateway.pid });
  expect(await gateway.health()).toMatchObject({ ok: true, plugins: { errors: [] } });
});

test("a bare gateway ends with code 0 at SIGTERM, within its time", async () => {
  const rssBytes = await gateway.rss();
  const stopped = await gateway.stop();
  recordBoot("bare", { bootMs: gateway.bootMs, stopMs: stopped.ms, rssBytes, warm });
  expect(stopped).toMatchObject({ killed: false, how: "code 0" });
});
