import { AdminServer } from "@yonexus/protocol/admin";
import { createLogger } from "@yonexus/protocol/log";
import type { ConsoleAccess } from "@yonexus/protocol/redis";
import { afterEach, expect, it } from "vitest";
import { addConsoleRoutes, type ConsoleParts } from "./consoleRoutes.ts";
import { Gate } from "./gate.ts";

const ORIGIN = "http://console.example";
const refusal = new Error("NOPERM this user has no permissions");
let admin: AdminServer;
afterEach(() => admin.close());

it("what Redis refused is told the person as an outage, and the log what it was; what the console refuses is no matter of Redis", async () => {
  const logger = createLogger("silent", "test", { write: () => undefined });
  admin = new AdminServer({ host: "127.0.0.1", port: 0, logger });
  const access = {
    open: async () => {
      throw refusal;
    },
    use: async () => undefined,
  } as unknown as ConsoleAccess;
  const errors: unknown[] = [];
  addConsoleRoutes(admin, {
    ...({ access, gate: new Gate(access, ORIGIN), files: undefined, coordinatorId: "c", logger } as const),
    ...({ decisions: {}, onChange: () => undefined } as unknown as Pick<ConsoleParts, "decisions" | "onChange">),
    onRedisError: (error) => errors.push(error),
  });
  const { url } = await admin.listen();
  const post = (path: string, body: object) =>
    fetch(`${url}/console/api/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: ORIGIN },
      body: JSON.stringify(body),
    });
  expect((await post("decide", {})).status).toBe(401);
  expect((await post("sign-in", { link: "" })).status).toBe(400);
  expect(errors).toEqual([]);
  const answer = await post("sign-in", { link: "abc" });
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringMatching(/^Redis does not answer/u)]);
  expect(errors).toEqual([refusal]);
});
