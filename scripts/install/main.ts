import { join } from "node:path";
import type { Arguments } from "./arguments.mjs";
import { DISK, DRY_DISK } from "./disk.ts";
import { install } from "./install.ts";
import { lockProfile } from "./installLock.ts";
import type { Operation, Outcome } from "./operation.ts";
import { withRightsOf } from "./ownerRights.ts";
import { builtPackage } from "./pluginPackage.ts";
import { findProfile, ownSurroundings, type Profile, type Surroundings } from "./profile.ts";
import { fileSystemRefusal, Refusal } from "./refusal.ts";
import { sourcesDigest } from "./sourcesDigest.mjs";
import { uninstall } from "./uninstall.ts";

/** Where the installer speaks: results on `out`, progress and refusals on `err`. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const TERMINAL: Output = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/**
 * Installs or uninstalls the plugin of a checkout.
 * @param root the folder of the checkout
 * @returns the exit code: 0 when it is done, 1 when it was refused
 */
export async function run(
  root: string,
  given: Arguments,
  surroundings: Surroundings = ownSurroundings(),
  output: Output = TERMINAL,
): Promise<number> {
  const steps: string[] = [];
  const onStep = (step: string) => {
    steps.push(step);
    output.err(`yonexus: ${given.dryRun ? "would have " : ""}${step}\n`);
  };
  try {
    const profile = findProfile(given.profilePath, surroundings);
    output.err(`yonexus: the profile is ${profile.path} (${profile.namedBy})\n`);
    const disk = given.dryRun ? DRY_DISK : DISK;
    const outcome = await perform(root, given, { profile, disk, onStep });
    report(output, given, profile, steps, outcome);
    return 0;
  } catch (error) {
    refuse(output, given, steps, asRefusal(error));
    return 1;
  }
}

async function perform(root: string, given: Arguments, operation: Operation): Promise<Outcome> {
  const source = given.action === "install" ? builtPackage(join(root, "plugin"), sourcesDigest(root)) : undefined;
  const { profile, disk } = operation;
  return withRightsOf(profile.owner, async () => {
    const release = lockProfile(profile.path, disk);
    try {
      return source === undefined ? await uninstall(operation, given.purge) : install(operation, source);
    } finally {
      release();
    }
  });
}

function report(output: Output, given: Arguments, profile: Profile, steps: readonly string[], outcome: Outcome): void {
  const { result, says, notes } = outcome;
  if (given.json) {
    const { path, namedBy, configPath } = profile;
    const told = {
      ok: true,
      result,
      dryRun: given.dryRun,
      profile: path,
      namedBy,
      config: configPath,
      steps,
      message: says,
      notes,
    };
    output.out(`${JSON.stringify(told)}\n`);
    return;
  }
  const sentences = [says, ...notes].map((sentence) => `${sentence}\n`).join("");
  output.out(given.dryRun ? `A dry run: nothing was changed. It would have ended with:\n${sentences}` : sentences);
}

function refuse(output: Output, given: Arguments, steps: readonly string[], { code, message, lines }: Refusal): void {
  if (given.json) {
    output.out(`${JSON.stringify({ ok: false, code, message, lines, dryRun: given.dryRun, steps })}\n`);
    return;
  }
  output.err(`yonexus: ${message}\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

/** A mistake of this program is not dressed up as one of the machine. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof Error && "syscall" in error) return fileSystemRefusal(error);
  throw error;
}
