import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { createLogger } from "../log/index.ts";
import type { RedisConnection } from "./connection.ts";
import { OutageLog } from "./outageLog.ts";

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const clock = { now: 0 };
  const logger = createLogger("info", "test", { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, clock, log: new OutageLog(logger, () => clock.now) };
}

/** The reply names the script that was refused. */
function oom(script: number): Error {
  return Object.assign(new Error(`OOM command not allowed. script: ${script}`), { name: "ReplyError" });
}

it("the same refusal is logged once a minute, with the count of those left out, and how to mend it", () => {
  const { lines, clock, log } = recorded();
  for (let count = 0; count < 1_000; count += 1) log.report("sweeps", oom(count));
  expect(lines).toHaveLength(1);
  expect(lines[0]?.msg).toContain("Raise maxmemory");
  clock.now = 60_000;
  log.report("notices", oom(0));
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ leftOut: 999 });
});

it("errors with ever new texts do not add up in memory, and each is logged", () => {
  const { lines, log } = recorded();
  for (let count = 0; count < 300; count += 1) log.report("sweeps", new Error(`job ${count}`));
  expect(lines).toHaveLength(300);
});

it("a refused password is one line for all connections, in its own words, until all are ready", () => {
  const { lines, log } = recorded();
  const connections = [1, 2, 3].map(() => Object.assign(new EventEmitter(), { status: "connecting" }));
  for (const connection of connections) log.watch(connection as unknown as RedisConnection);
  const refused = Object.assign(new Error("WRONGPASS invalid"), { name: "ReplyError" });
  for (const connection of connections) connection.emit("error", refused);
  expect(lines.map(({ msg }) => msg)).toEqual(["Redis refuses the password: check REDIS_URL; trying again."]);
  for (const connection of connections) {
    connection.status = "ready";
    connection.emit("ready");
  }
  expect(lines.map(({ msg }) => msg).slice(1)).toEqual(["Redis answers again."]);
});

it("a Redis that is silent on open connections is away until it answers; one that was lost as well is one outage", () => {
  const { lines, log } = recorded();
  const connection = Object.assign(new EventEmitter(), { status: "ready" });
  log.watch(connection as unknown as RedisConnection);
  const told = () => lines.splice(0).map(({ event }) => event);
  log.answered();
  expect(told()).toEqual([]);
  log.silent();
  log.silent();
  expect(told()).toEqual(["redis_away"]);
  connection.status = "connecting";
  connection.emit("error", new Error("connect ECONNREFUSED"));
  connection.status = "ready";
  connection.emit("ready");
  // It takes connections, and nobody has had an answer.
  expect(told()).toEqual([]);
  log.answered();
  log.answered();
  expect(told()).toEqual(["redis_back"]);
});
