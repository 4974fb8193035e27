import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../test/support/waitFor.ts";
import { LocalError } from "./localError.ts";
import { type Ending, endingText, ManagedProcess, type ProcessPlan } from "./managedProcess.ts";

describe("a process of a local cluster", () => {
  let folder: string;
  let managed: ManagedProcess | undefined;
  const endings: { readonly ending: Ending; readonly restartInMs: number | undefined }[] = [];
  let restarts = 0;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
    mkdirSync(join(folder, "logs"));
    endings.length = 0;
    restarts = 0;
  });
  afterEach(async () => {
    await managed?.stop("SIGKILL", 0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** It writes its pid and waits. */
  function process(changes: Partial<ProcessPlan> = {}): ManagedProcess {
    managed = new ManagedProcess(
      {
        name: "redis",
        program: "/bin/sh",
        args: ["-c", 'echo $$ > "$0"; exec sleep 1000', join(folder, "pid")],
        env: {},
        logPath: join(folder, "logs", "redis.log"),
        probe: () => waitFor("its pid", () => pid() !== undefined).then(() => {}),
        ...changes,
      },
      {
        said: () => {},
        exited: (_, ending, restartInMs) => void endings.push({ ending, restartInMs }),
        restarted: () => void restarts++,
      },
    );
    return managed;
  }

  function pid(): number | undefined {
    const path = join(folder, "pid");
    const found = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    return found > 0 ? found : undefined;
  }

  function kill(): void {
    const found = pid();
    rmSync(join(folder, "pid"));
    if (found !== undefined) globalThis.process.kill(found, "SIGKILL");
  }

  it("whose log cannot be written fails to start with a sentence that names the log", async () => {
    rmSync(join(folder, "logs"), { recursive: true });
    writeFileSync(join(folder, "logs"), "");
    const started = process().start();
    await expect(started).rejects.toThrow(LocalError);
    await expect(started).rejects.toThrow(join(folder, "logs", "redis.log"));
    await managed?.stop("SIGTERM", 0);
  });

  it("whose program is missing fails to start with a sentence that names it", async () => {
    await expect(process({ program: join(folder, "missing") }).start()).rejects.toThrow(join(folder, "missing"));
  });

  it("whose answer cannot be found out is ended, and fails to start", async () => {
    const probe = () => Promise.reject(new Error("not a socket"));
    await expect(process({ probe }).start()).rejects.toThrow("ended before it was ready (SIGKILL)");
  });

  it("whose folder of logs vanished is reported, tried again, and runs again when the folder is back", async () => {
    await process().start();
    rmSync(join(folder, "logs"), { recursive: true });
    kill();
    const failed = await waitFor("a start without a log", () =>
      endings.find(({ ending }) => ending.problem !== undefined),
    );
    expect(endingText(failed.ending)).toContain(join(folder, "logs", "redis.log"));
    expect(failed.restartInMs).toBeGreaterThan(0);
    mkdirSync(join(folder, "logs"));
    await waitFor("the restart", () => restarts === 1);
  });

  it("whose folder of logs vanished stops all the same", async () => {
    await process().start();
    rmSync(join(folder, "logs"), { recursive: true });
    kill();
    await waitFor("a start without a log", () => endings.some(({ ending }) => ending.problem !== undefined));
    await managed?.stop("SIGTERM", 0);
  });

  it("that is halted ends when the patience is over", async () => {
    await process().start();
    const halted = pid() ?? 0;
    globalThis.process.kill(halted, "SIGSTOP");
    await managed?.stop("SIGTERM", 50);
    expect(() => globalThis.process.kill(halted, 0)).toThrow("ESRCH");
  });
});
