import { openRedis } from "@yonexus/protocol/redis";
import { expect, it } from "vitest";
import { startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

it("a Redis that was loading its data when it was reached is used as soon as it has loaded, not when it had guessed", async () => {
  // It serves nobody but between a thousand commands, and guesses by the bytes: most of them come last.
  const server = await startRedis({ args: ["--key-load-delay", "700"] });
  const connection = openRedis(server.url, "commands");
  let guessed = 0;
  connection.on("error", () => undefined);
  try {
    await waitFor("the connection", () => connection.status === "ready");
    const small = Array.from({ length: 4_200 }, async (_, index) => connection.set(`small-${index}`, "1"));
    await Promise.all(small);
    for (let index = 0; index < 50; index++) await connection.set(`large-${index}`, "1".repeat(200_000));
    await server.kill();
    const restarting = server.restart();
    await waitFor("it to load, and guess", async () => {
      const info = String(await server.command("INFO", "persistence"));
      guessed = Math.max(guessed, Number(/loading_eta_seconds:(\d+)/u.exec(info)?.[1] ?? 0));
      return guessed > 10;
    });
    await restarting;
    await waitFor("the connection to be ready", () => connection.status === "ready", 4_000);
    expect(await connection.get("small-0")).toBe("1");
  } finally {
    connection.disconnect();
    await server.stop();
  }
});
