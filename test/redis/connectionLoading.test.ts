import { openRedis } from "@yonexus/protocol/redis";
import { expect, it } from "vitest";
import { startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

it("a Redis that was loading its data when it was reached is used as soon as it has loaded, not when it had guessed", {
  timeout: 120_000,
}, async () => {
  // It serves nobody but between a thousand commands, and guesses by the bytes: most of them come last.
  const server = await startRedis({ args: ["--key-load-delay", "700"] });
  const connection = openRedis(server.url, "commands");
  connection.on("error", () => undefined);
  try {
    await waitFor("the connection", () => connection.status === "ready");
    const small = Array.from({ length: 4_200 }, async (_, index) => connection.set(`small-${index}`, "1"));
    await Promise.all(small);
    for (let index = 0; index < 50; index++) await connection.set(`large-${index}`, "1".repeat(200_000));
    // Again when it had loaded before it was seen to: this machine may have stalled.
    await waitFor(
      "the connection to meet it while it loads, and guesses",
      async () => {
        await server.kill();
        let loaded = false;
        const restarting = server.restart().finally(() => {
          loaded = true;
        });
        const met = await waitFor("it to load", async () => {
          if (loaded) return "no";
          const info = String(await server.command("INFO", "persistence"));
          const guessed = Number(/loading_eta_seconds:(\d+)/u.exec(info)?.[1] ?? 0);
          return guessed > 10 && connection.status === "connect" && "yes";
        });
        await restarting;
        return met === "yes";
      },
      60_000,
    );
    await waitFor("the connection to be ready", () => connection.status === "ready", 6_000);
    expect(await connection.get("small-0")).toBe("1");
  } finally {
    connection.disconnect();
    await server.stop();
  }
});
