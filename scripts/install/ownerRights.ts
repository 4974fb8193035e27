import type { Owner } from "./disk.ts";
import { Refusal } from "./refusal.ts";

/**
 * Works in a profile with the rights of its owner and no others. Whoever owns a folder can put a link in the place of anything
 * in it, at any moment: root that follows one changes files that the owner never could, and no look beforehand helps. So the
 * system itself holds each step to what the owner may do anyway. The real user stays root: the owner can neither trace nor
 * signal the process, which has root's terminal.
 * @param owner undefined works with the rights that the process has
 * @throws Refusal when this process may not act as the owner; what the work throws
 */
export async function withRightsOf<T>(owner: Owner | undefined, work: () => Promise<T>): Promise<T> {
  const { geteuid, getegid, getgroups, setegid, seteuid, setgroups } = process;
  if (owner === undefined || geteuid?.() === owner.uid) return work();
  if (!geteuid || !getegid || !getgroups || !setegid || !seteuid || !setgroups) throw refusal(owner, undefined);
  const own = { uid: geteuid(), gid: getegid(), groups: getgroups() };
  let changed = false;
  try {
    try {
      takeGroups(owner);
      changed = true;
      setegid(owner.gid);
      seteuid(owner.uid);
    } catch (error) {
      throw refusal(owner, error);
    }
    return await work();
  } finally {
    if (geteuid() !== own.uid) seteuid(own.uid);
    if (getegid() !== own.gid) setegid(own.gid);
    if (changed) setgroups(own.groups);
  }
}

/** What the types of Node.js leave out. */
interface GroupChanges {
  readonly initgroups?: (uid: number, extraGroup: number) => void;
}

/** Those that the system knows of the user, and that of the profile. Root's own groups have to go: they open files too. */
function takeGroups({ uid, gid }: Owner): void {
  try {
    (process as GroupChanges).initgroups?.(uid, gid);
  } catch (error) {
    // Of a container, or of another machine's disk: a number without a name.
    if (!(error instanceof Error && "code" in error && error.code === "ERR_UNKNOWN_CREDENTIAL")) throw error;
    process.setgroups?.([gid]);
  }
}

function refusal({ uid }: Owner, cause: unknown): Refusal {
  const because = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  const mend = `run this as that user (\`sudo -u '#${uid}' …\`)`;
  return new Refusal("NOT_OWNER", `The profile belongs to user ${uid}, as whom this may not act${because}: ${mend}.`, {
    cause,
  });
}
