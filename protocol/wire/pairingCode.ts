import nacl from "tweetnacl";
import { LIMITS } from "./limits.ts";
import type { RandomBytes } from "./proof.ts";

/** Characters of a pairing code without its hyphen: 8 of 32 are 40 random bits. */
export const PAIRING_CODE_LENGTH = 8;

/** Crockford's base32: digits and capital letters without I, L, O and U, which people misread or misspell. */
export const PAIRING_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const codeCharacters = new RegExp(`^[${PAIRING_CODE_ALPHABET}]{${PAIRING_CODE_LENGTH}}$`);
// Phones and chat programs turn a hyphen into one of the dashes U+2010–U+2015.
const fillers = /[\s\u2010-\u2015-]/g;

/** A fresh code, shown as `XXXX-XXXX`. The alphabet has 32 characters, so five bits of a byte choose one without bias. */
export function newPairingCode(randomBytes: RandomBytes = nacl.randomBytes): string {
  let code = "";
  for (const byte of randomBytes(PAIRING_CODE_LENGTH)) code += PAIRING_CODE_ALPHABET.charAt(byte & 31);
  return grouped(code);
}

/**
 * The one spelling, `XXXX-XXXX`, of a code as a person typed it: any case, with or without spaces and hyphens, O for 0, I or
 * L for 1. Undefined when what is left is not a code; that is a wrong code like any other.
 */
export function normalizePairingCode(text: string): string | undefined {
  if (text.length > LIMITS.pairingCode) return undefined;
  // Only ASCII letters are raised: toUpperCase would make an S of a ſ, and an I of a dotless ı.
  const code = text
    .replace(fillers, "")
    .replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
  return codeCharacters.test(code) ? grouped(code) : undefined;
}

function grouped(code: string): string {
  return `${code.slice(0, PAIRING_CODE_LENGTH / 2)}-${code.slice(PAIRING_CODE_LENGTH / 2)}`;
}
