import { plainText } from "@yonexus/protocol/operator";
import type { CarriedTrust } from "@yonexus/protocol/redis";
import { isIdentifier, LIMITS } from "@yonexus/protocol/wire/basics";
import { readPublicKey } from "./publicKeyText.ts";

/** What a trust file says, as far as it can be read. */
export interface ReadTrust {
  readonly followers: readonly CarriedTrust[];
  /** What stands in the file and is not brought, one sentence each. No secret is in it. */
  readonly unread: readonly string[];
}

type Found = { readonly trust: CarriedTrust; readonly note?: string } | { readonly problem: string };

/** Unix seconds below this, milliseconds above: in seconds it is the year 5138, in milliseconds 1973. */
const MS_FROM = 100_000_000_000;

const NAMES = {
  identifier: ["identifier", "id", "clientId", "client_id"],
  publicKey: ["publicKey", "public_key"],
  secret: ["secret", "sharedSecret", "shared_secret"],
  pairedAt: ["pairedAt", "paired_at"],
  allowed: ["allowed"],
  pairing: ["pairingStatus", "pairing_status", "paired"],
} as const;

/** Reads records of followers, each on its own: one that cannot be read keeps none of the others from being brought. */
export function readTrustRecords(
  records: readonly (readonly [name: string | undefined, record: unknown])[],
): ReadTrust {
  const unread: string[] = [];
  const found = new Map<string, CarriedTrust>();
  const twice = new Set<string>();
  for (const [index, [name, record]] of records.entries()) {
    const read = readRecord(name, record, index + 1);
    if ("problem" in read) {
      unread.push(read.problem);
      continue;
    }
    if (read.note !== undefined) unread.push(read.note);
    const { identifier } = read.trust;
    if (found.has(identifier)) twice.add(identifier);
    found.set(identifier, read.trust);
  }
  for (const identifier of twice) {
    found.delete(identifier);
    unread.push(`${identifier} stands in the file more than once: leave the right one, and import it again.`);
  }
  return { followers: [...found.values()], unread };
}

function readRecord(name: string | undefined, record: unknown, place: number): Found {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    return { problem: `Entry ${place} is no object.` };
  }
  const fields = record as Readonly<Record<string, unknown>>;
  const identifier = pick(fields, "identifier") ?? name;
  if (typeof identifier !== "string" || !isIdentifier(identifier)) {
    const shown = typeof identifier === "string" ? ` ${JSON.stringify(plainText(identifier).slice(0, 70))}` : "";
    return {
      problem: `Entry ${place} names no follower${shown}: an identifier is 1 to 64 letters, digits, dots, underscores and hyphens.`,
    };
  }
  const allowed = pick(fields, "allowed") ?? true;
  if (typeof allowed !== "boolean") return { problem: `${identifier}: allowed is neither true nor false.` };
  const status = pick(fields, "pairing");
  if (status === "revoked") return { trust: { identifier, allowed: false } };
  const publicKey = pick(fields, "publicKey");
  const secret = pick(fields, "secret");
  const isPaired = status === undefined || status === "paired" || status === true;
  if (!isPaired || (publicKey === undefined && secret === undefined)) return { trust: { identifier, allowed } };
  if (typeof publicKey !== "string" || typeof secret !== "string") {
    const missing = typeof publicKey === "string" ? "secret" : "key";
    return {
      trust: { identifier, allowed },
      note: `${identifier} has no ${missing}: it is brought as one that is not paired yet.`,
    };
  }
  const key = readPublicKey(publicKey);
  if (key === undefined) {
    return { problem: `${identifier}: its key is no Ed25519 public key in base64 or PEM.` };
  }
  if (secret === "" || [...secret].length > LIMITS.secret) {
    return { problem: `${identifier}: its secret has not 1 to ${LIMITS.secret} characters.` };
  }
  const pairedAt = readInstant(pick(fields, "pairedAt"));
  return {
    trust: {
      identifier,
      allowed,
      pairing: { publicKey: key, secret, ...(pairedAt === undefined ? {} : { pairedAt }) },
    },
  };
}

/** The value under any of its names; `null` counts as missing. */
function pick(fields: Readonly<Record<string, unknown>>, what: keyof typeof NAMES): unknown {
  const name = NAMES[what].find((each) => Object.hasOwn(fields, each) && fields[each] !== null);
  return name === undefined ? undefined : fields[name];
}

/** Unix ms of unix seconds, unix ms, or an ISO text. When a follower was paired is for people: what cannot be read is left out. */
function readInstant(value: unknown): number | undefined {
  const number = typeof value === "string" ? Date.parse(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || number <= 0) return undefined;
  return Math.floor(typeof value === "number" && value < MS_FROM ? number * 1_000 : number);
}
