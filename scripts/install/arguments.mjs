// Plain JavaScript: the usage can be read before anything is built.

export const USAGE = `Usage: node scripts/install.mjs --install|--uninstall [options]

Puts the plugin yonexus-server into an OpenClaw profile and switches it on, or takes it out again.

  --install                       installs the plugin, or brings it up to date
  --uninstall                     takes out what --install put there
  --openclaw-profile-path <path>  the profile: the folder with openclaw.json
                                  (default: OPENCLAW_STATE_DIR, else ~/.openclaw)
  --purge                         with --uninstall: removes the plugin's data too
  --dry-run                       says what would be done, and changes nothing
  --json                          prints the result as one JSON object
  --help                          prints this
`;

/** What was typed: `{ action, profilePath?, purge, dryRun, json }`, or `{ problem, json }` with a sentence. */
export function parseArguments(args) {
  const json = args.includes("--json");
  const refuse = (problem) => ({ problem, json });
  const seen = new Set();
  let profilePath;
  for (let index = 0; index < args.length; index++) {
    const [name, ...rest] = args[index].split("=");
    const attached = rest.length > 0 ? rest.join("=") : undefined;
    if (name === "--openclaw-profile-path") {
      if (profilePath !== undefined) return refuse("--openclaw-profile-path was given twice: name one profile.");
      profilePath = attached ?? args[++index];
      if (
        profilePath === undefined ||
        profilePath.trim() === "" ||
        (attached === undefined && profilePath.startsWith("--"))
      ) {
        return refuse("--openclaw-profile-path needs the folder of the profile after it, the one with openclaw.json.");
      }
    } else if (!FLAGS.has(name) || attached !== undefined) {
      return refuse(`${JSON.stringify(args[index])} is not an option: \`node scripts/install.mjs --help\` lists them.`);
    } else {
      seen.add(name);
    }
  }
  const [install, uninstall, purge, help] = ["--install", "--uninstall", "--purge", "--help"].map((name) =>
    seen.has(name),
  );
  if (help) return { action: "help", purge: false, dryRun: false, json };
  if (install === uninstall) return refuse("Say what to do, one of the two: --install or --uninstall.");
  if (purge && install) return refuse("--purge removes the plugin's data and goes with --uninstall only.");
  const action = install ? "install" : "uninstall";
  return { action, ...(profilePath === undefined ? {} : { profilePath }), purge, dryRun: seen.has("--dry-run"), json };
}

const FLAGS = new Set(["--install", "--uninstall", "--purge", "--dry-run", "--json", "--help"]);
