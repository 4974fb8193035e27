import type { ConsoleAccess, ConsoleSession, PairingStore } from "@yonexus/protocol/redis";
import { isIdentifier } from "@yonexus/protocol/wire/basics";
import type { Decision, DecisionResult } from "./liveMessages.ts";

/** Reads what a page posted; undefined when it is no decision. */
export function parseDecision(text: string): Decision | undefined {
  const value = parseObject(text);
  const { decision, identifier, fingerprint, pairingId } = value ?? {};
  if (decision !== "approve" && decision !== "deny") return undefined;
  if (typeof identifier !== "string" || !isIdentifier(identifier)) return undefined;
  if (typeof fingerprint !== "string" || !/^[0-9a-f-]{1,64}$/u.test(fingerprint)) return undefined;
  if (typeof pairingId !== "string" || !/^[A-Za-z0-9_-]{1,64}$/u.test(pairingId)) return undefined;
  return { decision, identifier, fingerprint, pairingId };
}

/** The token of a one-time link that a page posted; undefined when there is none. */
export function parseLink(text: string): string | undefined {
  const link = parseObject(text)?.link;
  return typeof link === "string" && /^[A-Za-z0-9_-]{1,128}$/u.test(link) ? link : undefined;
}

/** Lets followers in, or not, and writes down who did. */
export class Decisions {
  readonly #pairings: PairingStore;
  readonly #access: ConsoleAccess;

  constructor(pairings: PairingStore, access: ConsoleAccess) {
    this.#pairings = pairings;
    this.#access = access;
  }

  /** Does what was decided of exactly the pairing and the key that were shown; of any other, nothing. */
  async decide(what: Decision, session: ConsoleSession, address: string): Promise<DecisionResult> {
    const { decision, identifier, fingerprint, pairingId } = what;
    const by = `console ${session.by}`;
    const { outcome } =
      decision === "approve"
        ? await this.#pairings.approve(identifier, fingerprint, pairingId, by)
        : await this.#pairings.deny(identifier, fingerprint, pairingId, by);
    const sentence = sentenceOf(what, outcome);
    // All is as it was asked for, and whoever asked first is in the audit.
    if (outcome === "already") return { done: true, outcome, sentence };
    const done = outcome === "approved" || outcome === "denied";
    await this.#access.note({
      event: done ? outcome : "refused",
      ...{ by: session.by, address, identifier, fingerprint },
      ...(done ? {} : { reason: `${decision} ${outcome}` }),
    });
    return { done, outcome, sentence };
  }
}

type Outcome =
  | Awaited<ReturnType<PairingStore["approve"]>>["outcome"]
  | Awaited<ReturnType<PairingStore["deny"]>>["outcome"];

function sentenceOf({ identifier }: Decision, outcome: Outcome): string {
  switch (outcome) {
    case "approved":
      return `${identifier} is let in.`;
    case "denied":
      return `${identifier} was refused: its pairing is over.`;
    case "already":
      return `${identifier} was let in already.`;
    case "gone":
      return "This pairing is over: it expired, or was used or decided elsewhere. Nothing was changed.";
    case "changed":
      return `The pairing of ${identifier} is another one by now than the one that was shown. Nothing was changed.`;
    case "not_allowed":
      return `${identifier} is not on the allowlist any more. Nothing was changed.`;
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
