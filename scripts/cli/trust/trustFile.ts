import { isSealedText, openWithPassphrase, type ScryptCost, sealWithPassphrase } from "@yonexus/protocol/operator";
import type { CarriedTrust } from "@yonexus/protocol/redis";
import { CliError } from "../cliError.ts";
import { type ReadTrust, readTrustRecords } from "./trustRecords.ts";

const FORMAT = "yonexus-trust";
const VERSION = 1;

/** Seals followers into the text of a file. @param cost only tests want another one. */
export async function sealTrustFile(
  followers: readonly CarriedTrust[],
  passphrase: string,
  cost?: ScryptCost,
): Promise<string> {
  // What the file says of itself stands inside: outside there is only what is needed to open it.
  const inside = JSON.stringify({
    format: FORMAT,
    version: VERSION,
    followers: followers.map(({ identifier, allowed, pairing }) => ({ identifier, allowed, ...pairing })),
  });
  const sealed = await sealWithPassphrase(inside, passphrase, cost);
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...sealed })}\n`;
}

/**
 * Reads a sealed trust file, or the plain one of a single-process Yonexus.Server.
 * @param name the file's, for people. @param askPassphrase is only asked when the file is sealed.
 * @throws CliError when it is neither, or does not open.
 */
export async function readTrustFile(
  text: string,
  name: string,
  askPassphrase: () => Promise<string>,
): Promise<ReadTrust> {
  const file = parse(text, name);
  if (isRecord(file) && file.format === FORMAT) {
    if (file.version !== VERSION) {
      throw new CliError(
        `${name} is a trust file of another version: import it with the release that wrote it, or a newer one.`,
      );
    }
    if (!isSealedText(file)) throw new CliError(`${name} is a damaged trust file: export it again.`);
    const opened = await openWithPassphrase(file, await askPassphrase());
    if (opened === undefined) {
      throw new CliError(`The passphrase does not open ${name}, or the file was changed: nothing was done.`);
    }
    const inside = parse(opened, name);
    const followers = isRecord(inside) ? inside.followers : undefined;
    if (!Array.isArray(followers)) throw new CliError(`${name} is a damaged trust file: export it again.`);
    return readTrustRecords(followers.map((record: unknown) => [undefined, record]));
  }
  const records = plainRecords(file);
  if (records === undefined) {
    throw new CliError(
      `${name} is no trust file: neither one of \`yonexus trust export\`, nor a JSON file with a list "clients" of objects with identifier, publicKey and secret.`,
    );
  }
  return readTrustRecords(records);
}

/** The followers of a plain file: a list, or an object by their identifiers; alone, or as `clients`. */
function plainRecords(file: unknown): (readonly [string | undefined, unknown])[] | undefined {
  const clients = isRecord(file) ? file.clients : file;
  if (Array.isArray(clients)) return clients.map((record: unknown) => [undefined, record] as const);
  return isRecord(clients) ? Object.entries(clients) : undefined;
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/u, ""));
  } catch {
    throw new CliError(
      `${name} is no JSON: give the file that \`yonexus trust export\` wrote, or that of a single-process server.`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
