import type { NoticeJob } from "@yonexus/protocol/redis";

const LIMITS = ["pending_limit", "address_limit", "identifier_limit"] as const;

/** Reads a job's data, which another process wrote; undefined when it is of no known form. */
export function parseNoticeJob(data: unknown): NoticeJob | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...data };
  const { kind, identifier, fingerprint, pairingId, address, owner } = fields;
  if (typeof identifier !== "string") return undefined;
  if (kind === "pairing" && typeof fingerprint === "string" && typeof pairingId === "string") {
    return { kind, identifier, fingerprint, pairingId };
  }
  if (kind === "takeover" && typeof address === "string" && typeof owner === "string") {
    return { kind, identifier, address, owner };
  }
  const limit = LIMITS.find((known) => known === fields.limit);
  if (kind === "limit" && typeof address === "string" && limit !== undefined) {
    return { kind, identifier, address, limit };
  }
  return undefined;
}
