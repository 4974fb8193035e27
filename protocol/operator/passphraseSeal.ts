import { randomBytes, scrypt } from "node:crypto";
import nacl from "tweetnacl";

/** How costly it is to try a passphrase (RFC 7914). Memory: 128 · N · r bytes. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** A text that only the passphrase opens. The numbers that are needed to open it stand beside it. */
export interface SealedText {
  readonly kdf: ScryptCost & { readonly name: "scrypt"; readonly salt: string };
  readonly seal: "nacl-secretbox";
  readonly nonce: string;
  readonly box: string;
}

/** 128 MiB and about half a second for each try. */
export const SCRYPT_COST: ScryptCost = { N: 131_072, r: 8, p: 1 };

/** A file may ask for so much memory at most: it may come from anybody. */
const MAX_MEMORY_BYTES = 1_073_741_824;
const MAX_PARALLEL = 16;
const SALT_BYTES = 16;

/** Seals a text with a passphrase: scrypt makes the key of a NaCl secretbox. */
export async function sealWithPassphrase(text: string, passphrase: string, cost = SCRYPT_COST): Promise<SealedText> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(nacl.secretbox.nonceLength);
  const box = nacl.secretbox(Buffer.from(text, "utf8"), nonce, await deriveKey(passphrase, salt, cost));
  return {
    kdf: { name: "scrypt", ...cost, salt: salt.toString("base64") },
    seal: "nacl-secretbox",
    nonce: nonce.toString("base64"),
    box: Buffer.from(box).toString("base64"),
  };
}

/** The text, or undefined when the passphrase is another one, or anything of what is sealed was changed. */
export async function openWithPassphrase(
  { kdf, nonce, box }: SealedText,
  passphrase: string,
): Promise<string | undefined> {
  const key = await deriveKey(passphrase, Buffer.from(kdf.salt, "base64"), kdf);
  const opened = nacl.secretbox.open(Buffer.from(box, "base64"), Buffer.from(nonce, "base64"), key);
  return opened === null ? undefined : Buffer.from(opened).toString("utf8");
}

/** Whether the value has the shape of a sealed text, and asks for no more work than this program does. */
export function isSealedText(value: unknown): value is SealedText {
  if (!isRecord(value) || !isRecord(value.kdf)) return false;
  const { N, r, p, name, salt } = value.kdf;
  return (
    name === "scrypt" &&
    value.seal === "nacl-secretbox" &&
    isCost(N, r, p) &&
    bytesOf(salt) !== undefined &&
    bytesOf(value.nonce) === nacl.secretbox.nonceLength &&
    (bytesOf(value.box) ?? 0) >= nacl.secretbox.overheadLength
  );
}

function isCost(...[N, r, p]: readonly unknown[]): boolean {
  if (!isCount(N) || !isCount(r) || !isCount(p)) return false;
  const isPowerOfTwo = N >= 2 && 2 ** Math.round(Math.log2(N)) === N;
  return isPowerOfTwo && p <= MAX_PARALLEL && memoryOf({ N, r, p }) <= MAX_MEMORY_BYTES;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function memoryOf({ N, r, p }: ScryptCost): number {
  return 128 * r * (N + p);
}

function deriveKey(passphrase: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array> {
  const { N, r, p } = cost;
  // One text, however a keyboard composes its letters.
  const text = passphrase.normalize("NFKC");
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer): void => (error === null ? resolve(key) : reject(error));
    scrypt(text, salt, nacl.secretbox.keyLength, { N, r, p, maxmem: memoryOf(cost) + 1_048_576 }, done);
  });
}

/** The length of what a base64 text holds; undefined for anything else. */
function bytesOf(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]+={0,2}$/u.test(value)) return undefined;
  return Buffer.from(value, "base64").length;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
