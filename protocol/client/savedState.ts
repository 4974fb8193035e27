import nacl from "tweetnacl";
import { decodeBase64Strict, encodeBase64, LIMITS } from "../wire/basics.ts";

/** What a follower keeps between runs. `secretKey` and `secret` are never shown. */
export interface SavedState {
  readonly version: 1;
  readonly identifier: string;
  /** Base64 of the 32 raw bytes of the Ed25519 key. */
  readonly publicKey: string;
  /** Base64 of 64 bytes: the seed and the public key. */
  readonly secretKey: string;
  /** The shared secret; absent until paired. */
  readonly secret?: string;
  /** Unix seconds on the node's clock. */
  readonly pairedAt?: number;
  /** Where the follower connected to when it was paired; for people, nothing reads it. */
  readonly url?: string;
}

/** Remembers across runs which messages were handled. Only used while the state is open. */
export interface HandledIdStore {
  /** The ids of the last messages, oldest first: 10,000 are enough. */
  load(): Promise<readonly string[]>;
  /** Resolves when the id will be found by the next run, however this process ends. */
  add(id: string): Promise<void>;
}

/** Where a follower keeps its state. One follower at a time has it open. */
export interface FollowerStateStore {
  /**
   * Takes the state for this follower and reads it; undefined on the first run.
   * @throws {StateFileError} when it cannot be used. It is not changed then.
   */
  open(identifier: string): Promise<SavedState | undefined>;
  /** Resolves when the state is durable. Only called while open. */
  save(state: SavedState): Promise<void>;
  /**
   * Without it handled messages are remembered in memory alone: one whose ack was lost is handled again after a restart.
   */
  readonly handled?: HandledIdStore;
  /** Gives the state back. Harmless when it is not open. */
  close(): Promise<void>;
}

const SECRET_KEY_BYTES = 64;

/** The state of a follower that was never paired, with a fresh key. */
export function newSavedState(identifier: string): SavedState {
  const { publicKey, secretKey } = nacl.sign.keyPair();
  return { version: 1, identifier, publicKey: encodeBase64(publicKey), secretKey: encodeBase64(secretKey) };
}

/** The 64 bytes to sign with. */
export function secretKeyOf(state: SavedState): Uint8Array {
  return decodeBase64Strict(state.secretKey, SECRET_KEY_BYTES) ?? new Uint8Array();
}

/** The 32 raw bytes of the public key. */
export function publicKeyOf(state: SavedState): Uint8Array {
  return decodeBase64Strict(state.publicKey, LIMITS.publicKeyBytes) ?? new Uint8Array();
}

/** Reads what `JSON.stringify` made of a state, or says in a few words what is wrong with it. It never shows a value. */
export function parseSavedState(text: string): SavedState | { readonly problem: string } {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return { problem: "it is not a JSON object" };
  const { version, identifier, publicKey, secretKey, secret, pairedAt, url } = value as Record<string, unknown>;
  if (version !== 1) return { problem: "it was written by another version of the follower" };
  if (typeof identifier !== "string") return { problem: "its identifier is missing" };
  if (typeof publicKey !== "string" || typeof secretKey !== "string" || !isKeyPair(publicKey, secretKey)) {
    return { problem: "its key pair is damaged" };
  }
  if (secret !== undefined && (typeof secret !== "string" || secret === ""))
    return { problem: "its secret is damaged" };
  return {
    version,
    identifier,
    publicKey,
    secretKey,
    ...(secret === undefined ? {} : { secret }),
    ...(typeof pairedAt === "number" ? { pairedAt } : {}),
    ...(typeof url === "string" ? { url } : {}),
  };
}

function isKeyPair(publicKey: string, secretKey: string): boolean {
  const bytes = decodeBase64Strict(secretKey, SECRET_KEY_BYTES);
  if (bytes === undefined) return false;
  // The public half is computed anew: half a key from one file and half from another would sign in vain.
  const pair = nacl.sign.keyPair.fromSeed(bytes.subarray(0, 32));
  return encodeBase64(pair.secretKey) === secretKey && encodeBase64(pair.publicKey) === publicKey;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own message quotes the text.
    return undefined;
  }
}
