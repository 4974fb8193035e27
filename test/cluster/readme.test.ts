import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli, type CliProcess } from "../support/cliProcess.ts";
import { waitFor } from "../support/waitFor.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The example that uses this name, as it stands in README.md. */
function example(name: string): string {
  const found = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gmu)].map(([, code = ""]) => code);
  const [code, ...others] = found.filter((text) => text.includes(`${name}(`));
  if (code === undefined || others.length > 0) throw new Error(`README.md has no single example of ${name}.`);
  return code;
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { cwd: root, stdio: "ignore" });
  await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
}

/** The library as `npm run build` makes it, where a program in that folder finds it. */
async function buildLibrary(folder: string): Promise<void> {
  const library = join(folder, "node_modules/@yonexus/protocol");
  const dist = join(library, "dist");
  mkdirSync(library, { recursive: true });
  await run(join(root, "node_modules/.bin/tsc"), [
    ...["-p", join(root, "protocol"), "--outDir", dist, "--tsBuildInfoFile", join(dist, "tsconfig.tsbuildinfo")],
  ]);
  const manifest = join(root, "protocol/package.json");
  symlinkSync(manifest, join(library, "package.json"));
  const { dependencies } = JSON.parse(readFileSync(manifest, "utf8")) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    const place = [join(root, "protocol/node_modules", name), join(root, "node_modules", name)].find(existsSync);
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(place ?? "missing", link);
  }
}

describe("the library examples of README.md", () => {
  const cli = new Cli();
  const running = new Set<ReturnType<typeof spawn>>();
  let cluster: CliProcess;
  let ready: { readonly nodes: readonly string[]; readonly redis: string };

  beforeAll(async () => {
    await buildLibrary(cli.folder);
    cluster = cli.start(["up", "--nodes", "1", "--port", "0", "--follower", "alpha", "--json"]);
    await waitFor("the cluster to be ready", () => cluster.stdout.includes('"event":"ready"'), 30_000);
    ready = JSON.parse(cluster.stdout.split("\n", 1)[0] ?? "");
  });
  afterAll(async () => {
    for (const child of running) child.kill("SIGKILL");
    cluster.signal("SIGTERM");
    await cluster.ended;
    cli.remove();
  });

  /** Runs a text as a program of its own. */
  function start(code: string) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: cli.folder,
      env: { PATH: process.env.PATH, REDIS_URL: ready.redis },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(child);
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (text: Buffer) => {
      said.stdout += text;
    });
    child.stderr.on("data", (text: Buffer) => {
      said.stderr += text;
    });
    const ended = new Promise((resolve) => {
      child.once("close", (exitCode) => {
        running.delete(child);
        resolve({ exitCode, ...said });
      });
    });
    return {
      ended,
      type: (line: string) => void child.stdin.write(`${line}\n`),
      interrupt: () => void child.kill("SIGINT"),
      says: (text: string) =>
        waitFor(`the example to say ${text}`, () => {
          if (!running.has(child)) throw new Error(`It ended: ${said.stderr}`);
          return said.stdout.includes(text);
        }),
    };
  }

  it("a follower is paired and answered, gets what was queued for it, and both programs end when they are told", async () => {
    const written = "ws://127.0.0.1:8787";
    expect(example("createFollower")).toContain(written);
    const program = start(example("openCluster"));
    await program.says("queued");

    const follower = start(example("createFollower").replace(written, ready.nodes[0] ?? ""));
    await follower.says("The code for");
    await cluster.says('"pairing_code"');
    const notice = cluster.stdout.split("\n").find((line) => line.includes('"pairing_code"')) ?? "";
    const { code, fingerprint } = JSON.parse(notice) as { code: string; fingerprint: string };
    await follower.says(fingerprint);
    follower.type(code);
    await follower.says("ping hello alpha, you said hello");
    await follower.says("pong hello");
    follower.interrupt();
    expect(await follower.ended).toMatchObject({ exitCode: 0 });
    program.interrupt();
    expect(await program.ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("order-17"), stderr: "" });
  });

  it("up has the options that README.md names, and its ready line the fields", async () => {
    const options = (text: string) => [...new Set(text.match(/--[a-z-]+/gu))].sort();
    const row = readme.split("\n").find((line) => line.startsWith("| `yonexus up ")) ?? "";
    const { stdout } = await cli.run(["up", "--help"]);
    expect([...options(row), "--help"].sort()).toEqual(options(stdout));
    const [, shown = ""] = /`(\{"event":"ready"[^`]+)`/u.exec(readme) ?? [];
    const fields = [...shown.matchAll(/"(\w+)":/gu)].map(([, field]) => field);
    expect(Object.keys(ready)).toEqual(expect.arrayContaining(fields));
    expect(fields.length).toBeGreaterThan(3);
  });

  it("doctor tells where each node says that followers reach it", async () => {
    expect((await cli.run(["doctor"])).stdout).toContain(` at ${ready.nodes[0]}`);
  });
});
