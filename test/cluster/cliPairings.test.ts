import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli, type CliResult } from "../support/cliProcess.ts";
import { FollowerIdentity } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

const cli = new Cli();
let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(async () => {
  cli.remove();
  await redis.stop();
});
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
  node = await cluster.startNode();
});
afterEach(() => cluster.stop());

/** No master key: an operator's decision needs none. */
const run = (...args: string[]): Promise<CliResult> => {
  const { REDIS_URL, YONEXUS_KEY_PREFIX } = cluster.env;
  return cli.run(args, { env: { REDIS_URL, YONEXUS_KEY_PREFIX } });
};
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run(...args, "--json")).stdout);

/** A connection that waits for its pairing, and the pairing. */
async function waiting(identity: FollowerIdentity) {
  const follower = await cluster.connect(node);
  follower.hello(identity);
  const { identifier, fingerprint } = identity;
  const pairing = await waitFor("the pairing", () => cluster.stores.pairings.find(identifier, fingerprint));
  return { follower, pairing, id: pairing.pairingId.slice(0, 8) };
}

describe("yonexus pairings", () => {
  it("lists who waits with id, fingerprint, place and time left, and never a code", async () => {
    expect((await run("pairings")).stdout).toBe(
      "Nobody waits to be paired. A follower that is allowed asks when it connects: yonexus allow add alpha\n",
    );
    const alpha = await cluster.newFollower("alpha");
    const { pairing, id } = await waiting(alpha);
    const { code } = await cluster.pairingCode(alpha);
    const [{ stdout }, listed] = await Promise.all([run("pairings"), json("pairings")]);
    const [header, row, advice] = stdout.split("\n");
    expect(header).toMatch(/^id +follower +key fingerprint +from +time left +state$/u);
    expect(row).toMatch(
      new RegExp(`^${id} +alpha +${alpha.fingerprint} +127\\.0\\.0\\.1 +\\d+ (?:min|s) +waits$`, "u"),
    );
    expect(advice).toContain("yonexus approve ID");
    expect(listed).toEqual([pairing]);
    expect(stdout).not.toContain(code);
  });
});

describe("yonexus approve", () => {
  it("lets the follower in by the id that the list shows, at once, and says with which key", async () => {
    const alpha = await cluster.newFollower("alpha");
    const { follower, id } = await waiting(alpha);
    const approved = await run("approve", id.toUpperCase());
    expect(approved).toMatchObject({ exitCode: 0, stderr: "" });
    expect(approved.stdout).toContain(`alpha is let in, with the key ${alpha.fingerprint} from 127.0.0.1.`);
    alpha.secret = (await follower.next("pair_success")).payload.secret;
    follower.sendBuiltin("auth_request", alpha.prove());
    await follower.next("auth_success");
    const [, , paired] = await cluster.stores.directory.audit("alpha", 10);
    expect(paired?.details.by).toMatch(/^cli/u);

    const again = await run("approve", id);
    expect(again).toMatchObject({ exitCode: 1, stdout: "" });
    expect(again.stderr).toBe(
      `No pairing with the id or of the follower ${id} waits, so nothing was changed: see who waits with \`yonexus pairings\`.\n`,
    );
  });

  it("by the follower's name alone shows which key waits and the command that lets it in, and changes nothing", async () => {
    const alpha = await cluster.newFollower("alpha");
    const { follower, id, pairing } = await waiting(alpha);
    for (const more of [[], ["--json"], ["--fingerprint", ""], ["--fingerprint", alpha.fingerprint.slice(0, -1)]]) {
      const refused = await run("approve", "alpha", ...more);
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
      expect(refused.stderr).toContain(
        `This key waits as alpha, and nothing was changed. When the follower shows the same fingerprint: \`yonexus approve ${id}\``,
      );
      expect(refused.stderr).toMatch(new RegExp(`^${id} +alpha +${alpha.fingerprint}`, "mu"));
    }
    expect(await cluster.stores.pairings.find("alpha", alpha.fingerprint)).toEqual(pairing);
    expect(follower.types).not.toContain("pair_success");
    // To refuse is safe whoever it is.
    expect(await run("deny", "alpha")).toMatchObject({ exitCode: 0 });
  });

  it("with a fingerprint takes the follower's name while one pairing of it waits; of several it shows the choice and changes nothing", async () => {
    const alpha = await cluster.newFollower("alpha");
    const own = await waiting(alpha);
    const stranger = await waiting(new FollowerIdentity("alpha"));
    const refused = await run("approve", "alpha");
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toContain("Several pairings of alpha wait, so nothing was changed");
    for (const { id, pairing } of [own, stranger]) {
      expect(refused.stderr).toMatch(new RegExp(`^${id} +alpha +${pairing.fingerprint}`, "mu"));
    }
    await cluster.stores.pairings.deny("alpha", stranger.pairing.fingerprint, stranger.pairing.pairingId, "a test");
    expect(await json("approve", "alpha", "--fingerprint", alpha.fingerprint)).toEqual({
      identifier: "alpha",
      fingerprint: alpha.fingerprint,
      address: "127.0.0.1",
      pairingId: own.pairing.pairingId,
      outcome: "approved",
    });
    await own.follower.next("pair_success");
  });

  it("with a fingerprint refuses any other key", async () => {
    const alpha = await cluster.newFollower("alpha");
    const { follower } = await waiting(alpha);
    const wrong = await run("approve", "alpha", "--fingerprint", "not-this");
    expect(wrong).toMatchObject({ exitCode: 1, stdout: "" });
    expect(wrong.stderr).toContain(`The key of alpha that waits is ${alpha.fingerprint}, not not-this, so nothing`);
    expect(await run("approve", "alpha", "--fingerprint", alpha.fingerprint.toUpperCase())).toMatchObject({
      exitCode: 0,
    });
    await follower.next("pair_success");
  });

  it("of a follower that left the allowlist is refused with what to do, and exit code 1", async () => {
    const alpha = await cluster.newFollower("alpha");
    const { pairing } = await waiting(alpha);
    // As it stands when the pairing was not ended yet.
    await cluster.stores.redis.hset(cluster.stores.keys.follower("alpha").trust, "allowed", 0);
    const [refused, asJson] = await Promise.all([
      run("approve", pairing.pairingId.slice(0, 8)),
      run("approve", pairing.pairingId, "--json"),
    ]);
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toContain("Let it in with `yonexus allow add alpha`");
    expect(asJson).toMatchObject({ exitCode: 1, stderr: "" });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ outcome: "not_allowed" });
  });
});

describe("yonexus deny", () => {
  it("refuses the follower, and says how to shut it out for good", async () => {
    const alpha = await cluster.newFollower("alpha");
    const { follower, id } = await waiting(alpha);
    const denied = await run("deny", id);
    expect(denied).toMatchObject({ exitCode: 0, stderr: "" });
    expect(denied.stdout).toContain(`alpha is refused, with the key ${alpha.fingerprint}`);
    expect(denied.stdout).toContain("`yonexus revoke alpha`");
    expect((await follower.next("pair_failed")).payload.reason).toBe("rejected_by_admin");
    expect(await cluster.stores.pairings.pending(10)).toEqual([]);
  });
});
