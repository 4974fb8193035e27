import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { redisNow, SchemaMismatchError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureSchedule } from "../../coordinator/schedule.ts";
import { redisClients } from "../support/redisClients.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { CoordinatorFixture } from "./coordinatorFixture.ts";

let redis: RedisServer;
let cluster: CoordinatorFixture;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await CoordinatorFixture.open(redis.url);
});
afterEach(() => cluster.close());

async function schedules(): Promise<Record<string, number | undefined>> {
  const found = await cluster.queues.sweeps.getJobSchedulers();
  return Object.fromEntries(found.map(({ key, every }) => [key, every]));
}

describe("a coordinator", () => {
  it("is listed with a lease while it runs, and not after it stopped", async () => {
    const first = await cluster.start();
    const second = await cluster.start();
    const now = await redisNow(cluster.commands);
    const live = await cluster.commands.zrangebyscore(cluster.keys.coordinators, now, "+inf");
    expect(live.sort()).toEqual([first.coordinatorId, second.coordinatorId].sort());
    await first.stop();
    await first.stop();
    expect(await cluster.commands.zrange(cluster.keys.coordinators, "0", "-1")).toEqual([second.coordinatorId]);
  });

  it("renews its lease", async () => {
    const { coordinatorId } = await cluster.start({ YONEXUS_LEASE_MS: "300" });
    const scoreOf = async () => Number(await cluster.commands.zscore(cluster.keys.coordinators, coordinatorId));
    const before = await scoreOf();
    await waitFor("a renewal", async () => (await scoreOf()) > before);
  });

  it("puts the configured followers on the allowlist, and takes off what only the configuration had put there", async () => {
    await cluster.trust.allow(["by-hand"]);
    const first = await cluster.start({ YONEXUS_FOLLOWER_IDENTIFIERS: "alpha, beta" });
    await first.stop();
    await cluster.start({ YONEXUS_FOLLOWER_IDENTIFIERS: "beta" });
    const allowed = async (name: string) => (await cluster.followers.find(name))?.allowed;
    expect([await allowed("alpha"), await allowed("beta"), await allowed("by-hand")]).toEqual([false, true, true]);
    await cluster.start();
    expect(await allowed("beta")).toBe(true);
  });

  it("refuses keys of another version and leaves no connection behind", async () => {
    const clients = async () =>
      [...String(await cluster.commands.client("LIST")).matchAll(/^id=(\d+)/gmu)].map(([, id]) => id);
    // By their ids: what an earlier test had open may still be about to go, as it does behind the proxy of a container's port.
    const before = new Set(await clients());
    await cluster.commands.set(cluster.keys.schemaVersion, "999");
    await expect(cluster.start()).rejects.toThrow(SchemaMismatchError);
    await waitFor("its connections to be gone", async () => (await clients()).every((id) => before.has(id)));
  });

  it("waits for a Redis that is not there yet, with one line in the log", async () => {
    const own = await startRedis();
    const late = await CoordinatorFixture.open(own.url);
    try {
      await own.kill();
      const starting = late.start();
      await waitFor("it to say so", () => late.logged("Redis does not answer").length > 0);
      await own.restart();
      await starting;
      expect(late.logged("Redis does not answer")).toHaveLength(1);
      expect(late.logged("Redis answers again")).toHaveLength(1);
    } finally {
      await late.close();
      await own.stop();
    }
  });

  it("goes on sweeping after an outage of Redis, with one line when it began and one when it ended", {
    timeout: 90_000,
  }, async () => {
    const own = await startRedis();
    const faulty = await CoordinatorFixture.open(own.url);
    try {
      await faulty.start();
      await waitFor("a sweep", async () => (await faulty.iterations("liveness")) > 2);
      await own.kill();
      await waitFor("it to notice", () => faulty.logged("Redis does not answer").length > 0);
      await own.restart();
      await faulty.sweepsGoOn();
      await waitFor("it to say so", () => faulty.logged("Redis answers again").length === 1);
      expect(faulty.logged("Redis does not answer")).toHaveLength(1);
    } finally {
      await faulty.close();
      await own.stop();
    }
  });

  it("says once that Redis is silent on open connections, and once that it answers again", {
    timeout: 90_000,
  }, async () => {
    const own = await startRedis();
    const faulty = await CoordinatorFixture.open(own.url);
    try {
      await faulty.start();
      await waitFor("a sweep", async () => (await faulty.iterations("liveness")) > 2);
      await own.pause();
      await waitFor("it to notice", () => faulty.logged("though its connections are open").length > 0);
      await own.resume();
      await waitFor("it to say so", () => faulty.logged("Redis answers again").length > 0);
      await faulty.sweepsGoOn();
      for (const text of ["Redis does not answer", "Redis answers again"]) expect(faulty.logged(text)).toHaveLength(1);
    } finally {
      await faulty.close();
      await own.stop();
    }
  });

  it("waits for a Redis that takes no writes yet, with one line in the log that says how to mend it", async () => {
    const own = await startRedis();
    const early = await CoordinatorFixture.open(own.url);
    try {
      await own.command("CONFIG", "SET", "maxmemory", "100kb");
      const starting = early.start();
      await waitFor("it to say so", () => early.logged("Raise maxmemory").length > 0);
      await own.command("CONFIG", "SET", "maxmemory", "0");
      await starting;
      expect(early.logged("Raise maxmemory")).toHaveLength(1);
    } finally {
      await early.close();
      await own.stop();
    }
  });

  it("idles while Redis refuses to write, says so once with its mend, and goes on by itself", {
    timeout: 90_000,
  }, async () => {
    const own = await startRedis();
    const refused = await CoordinatorFixture.open(own.url);
    try {
      await refused.start();
      await waitFor("a sweep", async () => (await refused.iterations("liveness")) > 2);
      const calls = async () => {
        const stats = String(await own.command("INFO", "commandstats"));
        return Number(/cmdstat_evalsha:calls=(\d+)/u.exec(stats)?.[1] ?? 0);
      };
      await own.command("CONFIG", "SET", "maxmemory", "100kb");
      await waitFor("it to say so", () => refused.logged("Raise maxmemory").length > 0);
      const [callsBefore, cpuBefore] = [await calls(), process.cpuUsage()];
      const startedAt = performance.now();
      await waitFor("three seconds of it", () => performance.now() - startedAt > 3_000);
      const { user, system } = process.cpuUsage(cpuBefore);
      expect(user + system).toBeLessThan(2_000_000);
      // Its renewals, schedule checks (ten a second here) and one try a second of each worker.
      expect((await calls()) - callsBefore).toBeLessThan(200);
      expect(refused.logged("Raise maxmemory")).toHaveLength(1);
      await own.command("CONFIG", "SET", "maxmemory", "0");
      await refused.sweepsGoOn();
    } finally {
      await refused.close();
      await own.stop();
    }
  });

  it("stops in time while Redis is away", async () => {
    const own = await startRedis();
    const faulty = await CoordinatorFixture.open(own.url);
    const coordinator = await faulty.start({}, { stopGraceMs: 500 });
    await own.kill();
    await waitFor("it to notice", () => faulty.logged("Redis does not answer").length > 0);
    const startedAt = performance.now();
    await coordinator.stop();
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    await faulty.close();
    await own.stop();
  });

  describe.each([
    {
      when: "its connections are being opened again",
      // Halted before they are back: they are open, and the first thing that each asked for is not answered yet.
      halt: async (own: RedisServer, faulty: CoordinatorFixture) => {
        await own.command("CLIENT", "KILL", "TYPE", "normal");
        await own.pause();
        await waitFor("it to notice", () => faulty.logged("Redis does not answer").length > 0);
      },
    },
    {
      when: "BullMQ gives up a silent wait for jobs, to open its connection again",
      halt: async (own: RedisServer) => {
        const others = (await redisClients(own)).filter((client) => !client.includes(" cmd=bzpopmin "));
        const ids = others.map((client) => /^id=(\d+)/u.exec(client)?.[1] ?? "");
        await Promise.all(ids.map(async (id) => own.command("CLIENT", "KILL", "ID", id)));
        await own.pause();
        const haltedAt = performance.now();
        // It does a second after the wait should have ended, and takes two more to close the connection.
        await waitFor("it to do so", () => performance.now() - haltedAt > 1_500);
      },
    },
  ])("stopped while $when", ({ halt }) => {
    it("ends every connection for good, and throws nothing later", async () => {
      const own = await startRedis();
      const faulty = await CoordinatorFixture.open(own.url);
      try {
        const clients = async () =>
          (await redisClients(own)).filter((client) => !client.includes(" cmd=client|list ")).length;
        const withoutIt = await clients();
        const coordinator = await faulty.start({}, { stopGraceMs: 500 });
        await waitFor("a sweep", async () => (await faulty.iterations("liveness")) > 2);
        await halt(own, faulty);
        await coordinator.stop();
        await own.resume();
        let since: number | undefined;
        await waitFor(
          "the others to be there, and no more, for longer than a connection waits to try again",
          async () => {
            since = (await clients()) === withoutIt ? (since ?? performance.now()) : undefined;
            return since !== undefined && performance.now() - since > 3_000;
          },
        );
      } finally {
        await faulty.close();
        await own.stop();
      }
    });
  });

  it.each(["there", "away"])(
    "leaves nothing that keeps its process alive, with Redis %s",
    async (where) => {
      const own = await startRedis();
      const program = `
      import { startCoordinator } from "@yonexus/coordinator";
      import { loadConfig } from "@yonexus/protocol/config";
      import { createLogger } from "@yonexus/protocol/log";
      const config = loadConfig({ env: process.env });
      const logger = createLogger("info", "coordinator");
      const coordinator = await startCoordinator(config, { logger, terminal: process.stdout, json: true });
      process.stdout.write("started\\n");
      process.stdin.once("data", async () => {
        process.stdin.destroy();
        await coordinator.stop();
        process.stdout.write("stopped\\n");
      });`;
      const root = fileURLToPath(new URL("../..", import.meta.url));
      const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", program], {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          REDIS_URL: own.url,
          YONEXUS_MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
          // With nothing to do the workers wait for jobs as long as they can.
          YONEXUS_SWEEP_INTERVAL_MS: "600000",
          YONEXUS_LEASE_MS: "600000",
        },
        stdio: ["pipe", "pipe", "pipe"],
      });
      let output = "";
      let log = "";
      let exitCode: number | null | undefined;
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
      child.on("exit", (code) => {
        exitCode = code;
      });
      try {
        await waitFor("it to start", () => output.includes("started"));
        await waitFor("its workers to wait", async () => {
          return (await redisClients(own)).filter((client) => client.includes(" cmd=bzpopmin ")).length === 2;
        });
        if (where === "away") {
          await own.kill();
          await waitFor("it to notice", () => log.includes("Redis does not answer"));
        }
        child.stdin.write("stop");
        await waitFor("it to have stopped", () => output.includes("stopped"), 30_000);
        // Ten seconds after the last of them, BullMQ gives up a command that it waits for.
        await waitFor("the process to end by itself", () => exitCode !== undefined, 15_000);
        expect(exitCode).toBe(0);
        expect(output).toBe("started\nstopped\n");
        expect(
          log
            .trim()
            .split("\n")
            .map((line): unknown => JSON.parse(line)).length,
        ).toBeGreaterThan(0);
      } finally {
        child.kill("SIGKILL");
        await own.stop();
      }
    },
    90_000,
  );
});

describe("the schedule of sweeps", () => {
  it("has one entry a sweep, however many coordinators start at once", async () => {
    await Promise.all([cluster.start(), cluster.start(), cluster.start()]);
    expect(await schedules()).toEqual({ liveness: 100, deadNodes: 5_000, queues: 100, retention: 600_000 });
    await waitFor("sweeps", async () => (await cluster.iterations("liveness")) > 5);
    const { delayed = 0, waiting = 0 } = await cluster.queues.sweeps.getJobCounts("delayed", "waiting");
    expect(delayed + waiting).toBeLessThanOrEqual(4);
  });

  it("takes the interval of the coordinator that started last, and is never doubled", async () => {
    await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "600000" });
    await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "250" });
    expect(await schedules()).toMatchObject({ liveness: 250 });
    await waitFor("sweeps", async () => (await cluster.iterations("liveness")) > 4);
    const jobs = await cluster.queues.sweeps.getJobs(["delayed", "waiting"]);
    expect(jobs.filter(({ name }) => name === "liveness").length).toBeLessThanOrEqual(1);
    expect(await schedules()).toMatchObject({ liveness: 250 });
  });

  it("keeps to a shorter interval also when its first run comes late", async () => {
    // Nobody runs what is due yet.
    const { sweeps } = cluster.queues;
    for (const everyMs of [600_000, 250]) {
      const each = { everyMs };
      await ensureSchedule(sweeps, { liveness: each, deadNodes: each, queues: each, retention: each }, true);
    }
    const first = (await sweeps.getJobScheduler("liveness"))?.next ?? 0;
    await waitFor("the first run to be late", () => Date.now() > first + 500);
    await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "250" });
    await waitFor("sweeps", async () => (await cluster.iterations("liveness")) > 4);
  });

  it("that an earlier release left with the offset of a longer interval is set up anew", async () => {
    const { sweeps } = cluster.queues;
    for (const repeat of [{ every: 600_000, offset: 400_000 }, { every: 5_000 }]) {
      await sweeps.upsertJobScheduler("liveness", repeat, { name: "liveness" });
    }
    expect(await sweeps.getJobScheduler("liveness")).toMatchObject({ every: 5_000, offset: 400_000 });
    await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "5000" });
    expect((await sweeps.getJobScheduler("liveness"))?.offset).toBeLessThan(5_000);
  });

  it("is set up again when Redis lost it", async () => {
    await cluster.start();
    await waitFor("a sweep", async () => (await cluster.iterations("liveness")) > 1);
    await cluster.commands.flushall();
    await waitFor("the schedules", async () => Object.keys(await schedules()).length === 4);
    await waitFor("sweeps", async () => (await cluster.iterations("liveness")) > 2);
    // Each once. One line, or two when they were lost in the middle of a look.
    expect(
      cluster
        .logged("Schedules were lost")
        .flatMap(({ sweeps }) => sweeps)
        .toSorted(),
    ).toEqual(["deadNodes", "liveness", "queues", "retention"]);
  });

  it("goes on at once after a time without any coordinator", async () => {
    const first = await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "600000" });
    await waitFor("the first sweep", async () => (await cluster.queues.sweeps.getCompletedCount()) >= 4);
    await first.stop();
    const done = await cluster.queues.sweeps.getCompletedCount();
    const [next] = (await cluster.queues.sweeps.getJobs(["delayed"])).filter(({ name }) => name === "liveness");
    // As if its time had come long ago.
    await next?.changeDelay(1);
    await cluster.start({ YONEXUS_SWEEP_INTERVAL_MS: "600000" });
    await waitFor("the overdue sweep", async () => (await cluster.queues.sweeps.getCompletedCount()) > done);
  });

  it("keeps a bounded number of jobs that ended", async () => {
    await cluster.start();
    await waitFor("sweeps", async () => (await cluster.iterations("liveness")) > 2);
    const [job] = await cluster.queues.sweeps.getJobs(["completed"]);
    expect(job?.opts.removeOnComplete).toEqual({ count: 100, age: 3_600 });
    expect(job?.opts.removeOnFail).toEqual({ count: 500, age: 86_400 });
    expect(job?.data).toEqual({});
  });
});
