import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
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
  /** Replaces what is there. On the disk when it returns. @param owner of what it replaces, where that is to be kept */
  writeFile(path: string, content: Uint8Array, mode: number, owner?: Owner): void;
  rename(from: string, to: string): void;
  /** A second name for a file. @throws EEXIST when the name is taken: of two processes one gets it. */
  link(from: string, to: string): void;
  /** With all that is in it; nothing when it is missing. */
  remove(path: string): void;
}

/**
 * What it makes belongs to the user with whose rights it runs. It changes the mode and the owner of what it has open, and never
 * by a path: between two steps another process can put a link there.
 */
export const DISK: Disk = {
  makeFolder(path, mode) {
    // The umask has its say at the making only.
    const umask = process.umask(0);
    try {
      mkdirSync(path, { mode });
    } finally {
      process.umask(umask);
    }
  },
  writeFile(path, content, mode, owner) {
    rmSync(path, { force: true });
    // "x" follows no link.
    const file = openSync(path, "wx", 0o600);
    try {
      for (let done = 0; done < content.length; ) done += writeSync(file, content, done);
      // The owner first: a change of it may take bits of the mode away.
      if (owner !== undefined) give(file, owner);
      fchmodSync(file, mode);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  rename: (from, to) => renameSync(from, to),
  link: (from, to) => linkSync(from, to),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};

/** Systems differ in whether a user may give away what stays the same. */
function give(file: number, { uid, gid }: Owner): void {
  const found = fstatSync(file);
  if (found.uid !== uid || found.gid !== gid) fchownSync(file, uid, gid);
}

export const DRY_DISK: Disk = {
  makeFolder: () => {},
  writeFile: () => {},
  rename: () => {},
  link: () => {},
  remove: () => {},
};
