import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** All that the installer changes goes through here: so that a dry run can leave it out, and a test can stop it anywhere. */
export interface Disk {
  makeFolder(path: string, mode: number): void;
  /** Replaces what is there. On the disk when it returns. @param owner other than that of the profile */
  writeFile(path: string, content: Uint8Array, mode: number, owner?: Owner): void;
  rename(from: string, to: string): void;
  /** A second name for a file. @throws EEXIST when the name is taken: of two processes one gets it. */
  link(from: string, to: string): void;
  /** With all that is in it; nothing when it is missing. */
  remove(path: string): void;
}

/** @param owner to whom all that is made is given; undefined leaves it with the user of this process */
export function realDisk(owner: Owner | undefined): Disk {
  const give = (path: string, to: Owner | undefined) => {
    if (to !== undefined) chownSync(path, to.uid, to.gid);
  };
  return {
    makeFolder(path, mode) {
      mkdirSync(path, { mode });
      // The umask has its say at the making only.
      chmodSync(path, mode);
      give(path, owner);
    },
    writeFile(path, content, mode, otherOwner) {
      rmSync(path, { force: true });
      const file = openSync(path, "wx", 0o600);
      try {
        for (let done = 0; done < content.length; ) done += writeSync(file, content, done);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      // The owner first: a change of it may take bits of the mode away.
      give(path, otherOwner ?? owner);
      chmodSync(path, mode);
    },
    rename: (from, to) => renameSync(from, to),
    link: (from, to) => linkSync(from, to),
    remove: (path) => rmSync(path, { recursive: true, force: true }),
  };
}

export const DRY_DISK: Disk = {
  makeFolder: () => {},
  writeFile: () => {},
  rename: () => {},
  link: () => {},
  remove: () => {},
};
