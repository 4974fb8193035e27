const base64Characters = /^[A-Za-z0-9+/]+={0,2}$/;

/** Standard base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * The bytes of a canonical standard base64 text, or undefined when it is anything else or not of the given length.
 *
 * Lenient decoders ignore white space, missing padding, the URL alphabet and the unused bits of the last character, so
 * that one key or signature has many spellings. Here it has one, and every language comes to the same verdict.
 */
export function decodeBase64Strict(text: string, bytes: number): Uint8Array | undefined {
  if (text.length !== 4 * Math.ceil(bytes / 3) || !base64Characters.test(text)) return undefined;
  const decoded = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return decoded.length === bytes && encodeBase64(decoded) === text ? decoded : undefined;
}
