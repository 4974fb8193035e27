import { createHash } from "node:crypto";

/** What tells whether an id that comes again names the same message. @param frame `rule::content`. */
export function messageDigest(frame: string): string {
  return createHash("sha256").update(frame).digest("base64url").slice(0, 16);
}
