interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/**
 * Adds the packages of other platforms that a lock file lacks. Some tools bring a program for each platform as an
 * optional package; a registry that has not all of them makes `npm install` leave those out of the lock file, and
 * `npm ci` then refuses it. An added entry has no checksum: it says only which platform and version is meant.
 */
export function completeLock(text: string): string {
  const lock = JSON.parse(text) as Lock;
  const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !isLocked(lock, path, name))
      .flatMap(([name, version]) => platformEntry(name, version, entry)),
  );
  if (missing.length === 0) return text;
  const packages = [...Object.entries(lock.packages), ...missing].sort(([left], [right]) =>
    left.localeCompare(right, "en"),
  );
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`;
}

/** Node.js looks in the folders of the package itself and of everything it lies in. */
function isLocked(lock: Lock, path: string, name: string): boolean {
  const folders = path
    .split("/node_modules/")
    .map((_, index, parts) => parts.slice(0, index + 1).join("/node_modules/"));
  return ["", ...folders.map((folder) => `${folder}/`)].some(
    (folder) => `${folder}node_modules/${name}` in lock.packages,
  );
}

/** Nothing for a package that is not named after a platform, or whose version is a range. */
function platformEntry(
  name: string,
  version: string,
  parent: LockEntry,
): [string, LockEntry & Record<string, unknown>][] {
  const os = /\b(?:aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/.exec(name)?.[0];
  const cpu = /\b(?:arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)\b/.exec(name)?.[0];
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+$/.test(version)) return [];
  const libc = os !== "linux" ? undefined : /musl/.test(name) ? "musl" : /gnu/.test(name) ? "glibc" : undefined;
  const entry = {
    version,
    cpu: [cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os],
  };
  return [[`node_modules/${name}`, entry]];
}
