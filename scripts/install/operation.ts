import type { Disk } from "./disk.ts";
import type { Profile } from "./profile.ts";

/** What an installation or uninstallation works with. */
export interface Operation {
  readonly profile: Profile;
  /** Changes nothing in a dry run. */
  readonly disk: Disk;
  /** Told of each step when it is done, or would be, as a clause without a subject. */
  readonly onStep: (step: string) => void;
}

export interface Outcome {
  readonly result: "installed" | "updated" | "already_installed" | "uninstalled" | "not_installed";
  /** One sentence. */
  readonly says: string;
  /** What to do next, or what was left; sentences. */
  readonly notes: readonly string[];
}
