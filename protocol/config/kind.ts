import { isIP } from "node:net";
import { isIdentifier } from "../wire/identifier.ts";
import { isUsablePublicKey } from "../wire/publicKey.ts";

/** What a setting's text may be, and how it is read. `undefined` from `parse` means that the text is refused. */
export interface Kind<T> {
  /** The word the documentation shows as the type. */
  readonly type: string;
  /** Completes "it must be …" and "… is not …". */
  readonly expects: string;
  /** Replaces "it must be …" where an instruction says more than a description. */
  readonly hint?: string;
  /** Which JSON value a configuration file may use beside a string. */
  readonly json?: "number" | "list";
  readonly parse: (text: string) => T | undefined;
}

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}

export function integer({ min, max, unit }: IntegerRange): Kind<number> {
  return {
    type: unit === undefined ? "whole number" : `whole number of ${unit}`,
    expects: `a whole number${unit === undefined ? "" : ` of ${unit}`} from ${min} to ${max}`,
    json: "number",
    parse: (text) => parseInteger(text, min, max),
  };
}

/** Port 0 (any free port) is for tests and is accepted without being advertised. */
export const port: Kind<number> = {
  type: "port",
  expects: "a whole number from 1 to 65535",
  json: "number",
  parse: (text) => parseInteger(text, 0, 65_535),
};

export const host: Kind<string> = {
  type: "host",
  expects: "an IP address or a host name, without a port",
  parse: (text) => (isIP(text) !== 0 || isHostName(text) ? text : undefined),
};

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  return {
    type: values.map((value) => `\`${value}\``).join(" "),
    expects: `one of ${values.join(", ")}`,
    parse: (text) => values.find((value) => value === text),
  };
}

export function url(...schemes: readonly string[]): Kind<string> {
  const starts = schemes.map((scheme) => `${scheme}://`);
  return {
    type: "URL",
    expects: `a URL that begins with ${starts.join(" or ")}`,
    parse: (text) => (starts.some((start) => text.startsWith(start)) && isPublishableUrl(text) ? text : undefined),
  };
}

const REDIS_SCHEMES = ["redis://", "rediss://", "redis+unix://", "redis+sentinel://", "redis+cluster://"];

/** Only the scheme is checked here: the rest is read by the connection, which alone knows the forms. */
export const redisUrl: Kind<string> = {
  type: "Redis URL",
  expects: "a Redis URL",
  hint: `it must begin with ${REDIS_SCHEMES.slice(0, -1).join(", ")} or ${REDIS_SCHEMES.at(-1)}.`,
  parse: (text) => (REDIS_SCHEMES.some((scheme) => text.toLowerCase().startsWith(scheme)) ? text : undefined),
};

export const identifierList: Kind<readonly string[]> = {
  type: "list of identifiers",
  expects:
    "a list of identifiers, separated by commas or spaces, each 1 to 64 of A-Z a-z 0-9 . _ - and beginning with a letter or a digit",
  json: "list",
  parse: (text) => parseList(text, isIdentifier),
};

export const addressList: Kind<readonly string[]> = {
  type: "list of addresses",
  expects: "a list of IP addresses or CIDR ranges such as 10.0.0.0/8, separated by commas or spaces",
  json: "list",
  parse: (text) => parseList(text, isAddressOrRange),
};

/** The scheme and host of a page, exactly as browsers write it. `null`, which any page can have, is none. */
export const originList: Kind<readonly string[]> = {
  type: "list of origins",
  expects:
    "a list of origins as browsers write them, such as https://example.org or http://localhost:3000, in lower case, without a path, separated by commas or spaces",
  json: "list",
  parse: (text) => parseList(text, isOrigin),
};

/** Only that it may be a path: whoever reads the file says what is wrong with it. */
export const filePath: Kind<string> = {
  type: "path",
  expects: "the path of a file",
  hint: "it must be the path of a file, not what stands in it.",
  parse: (text) => (/^[^\p{Cc}]{1,1024}$/u.test(text) ? text : undefined),
};

/** Letters, digits, dot, underscore and hyphen: safe in a Redis key and in a log line. */
export function name(maxLength: number): Kind<string> {
  const pattern = new RegExp(`^[A-Za-z0-9._-]{1,${maxLength}}$`);
  return {
    type: "name",
    expects: `1 to ${maxLength} of A-Z a-z 0-9 . _ -`,
    parse: (text) => (pattern.test(text) ? text : undefined),
  };
}

export const discordUserId: Kind<string> = {
  type: "Discord user id",
  expects: "a Discord user id: digits only, in quotes when it is in a JSON file",
  parse: (text) => (/^\d{5,32}$/.test(text) ? text : undefined),
};

export const discordPublicKey: Kind<string> = {
  type: "64 hexadecimal digits",
  expects: "the public key of a Discord application: 64 hexadecimal digits",
  hint: "copy it from the application's page, General Information, Public Key: 64 hexadecimal digits.",
  parse: (text) =>
    /^[0-9A-Fa-f]{64}$/.test(text) && isUsablePublicKey(Buffer.from(text, "hex")) ? text.toLowerCase() : undefined,
};

export const botToken: Kind<string> = {
  type: "token",
  expects: "a bot token",
  hint: "copy it from the bot's page, without spaces and without the word Bot.",
  parse: (text) => (/^[\x21-\x7e]{1,256}$/.test(text) ? text : undefined),
};

export const MASTER_KEY_BYTES = 32;

/** One key or several: the first seals, all of them open, so that a key can be rotated without a stop. */
export const masterKeys: Kind<readonly Uint8Array[]> = {
  type: "32 bytes in base64, or a list of them",
  expects: "32 bytes in base64",
  hint: "make one with: openssl rand -base64 32",
  json: "list",
  parse: (text) => {
    // In a file they may stand one a line.
    const keys = text.split(/[,\n]/).map((part) => parseMasterKey(part.trim()));
    const sound = keys.filter((key) => key !== undefined);
    return sound.length === keys.length ? Object.freeze(sound) : undefined;
  },
};

function parseMasterKey(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  // Node.js decodes leniently; a key with a stray character must not silently become another key.
  if (bytes.length !== MASTER_KEY_BYTES || bytes.toString("base64") !== text) return undefined;
  return new Uint8Array(bytes);
}

function parseInteger(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function parseList(text: string, accepts: (part: string) => boolean): readonly string[] | undefined {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  return parts.every(accepts) ? Object.freeze([...new Set(parts)]) : undefined;
}

function isHostName(text: string): boolean {
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text.split(".").every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label));
}

/** These URLs are shown to people, so one that carries a password is refused rather than shown. */
function isPublishableUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname, username, password } = new URL(text);
  return hostname !== "" && username === "" && password === "";
}

function isOrigin(text: string): boolean {
  // Other schemes than http are those of extensions, and of programs that are built on a browser.
  if (!/^[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.test(text)) return false;
  return !text.startsWith("http") || (URL.canParse(text) && new URL(text).origin === text);
}

function isAddressOrRange(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || parseInteger(bits, 0, family === 4 ? 32 : 128) !== undefined;
}
