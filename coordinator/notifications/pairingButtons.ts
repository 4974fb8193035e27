import { isIdentifier } from "@yonexus/protocol/wire/basics";

/** What pressing a button means: for this follower, this key and this pairing alone. */
export interface PairingButton {
  readonly action: "approve" | "deny";
  readonly identifier: string;
  readonly fingerprint: string;
  /** The beginning of the pairing's id. */
  readonly pairingId: string;
}

/** Discord's words for a row of buttons. */
export interface ButtonRow {
  readonly type: 1;
  readonly components: readonly {
    readonly type: 2;
    readonly style: 3 | 4;
    readonly label: string;
    readonly custom_id: string;
  }[];
}

/**
 * All that a decision needs is in the button, so that any coordinator can answer it, and nothing secret is: a letter, the
 * beginning of the pairing's id, the fingerprint's bytes, and the identifier. Discord takes 100 characters; these are 99 at most.
 */
const LETTERS = { approve: "a", deny: "d" } as const;
const ID_LENGTH = 12;
const FINGERPRINT_LENGTH = 22;
const FINGERPRINT = /^[0-9a-f]{4}(?:-[0-9a-f]{4}){7}$/u;
const CUSTOM_ID = new RegExp(
  `^([ad])([A-Za-z0-9_-]{${ID_LENGTH}})([A-Za-z0-9_-]{${FINGERPRINT_LENGTH}})([A-Za-z0-9._-]{1,64})$`,
  "u",
);

const ROW = 1;
const BUTTON = 2;
const GREEN = 3;
const RED = 4;

/** The buttons under a pairing's notice; none where the pairing is not of a form that fits in one. */
export function pairingButtons(pairing: Omit<PairingButton, "action">): readonly ButtonRow[] {
  const { identifier, fingerprint, pairingId } = pairing;
  if (!isIdentifier(identifier) || !FINGERPRINT.test(fingerprint) || pairingId.length < ID_LENGTH) return [];
  const print = Buffer.from(fingerprint.replaceAll("-", ""), "hex").toString("base64url");
  const named = `${pairingId.slice(0, ID_LENGTH)}${print}${identifier}`;
  return [
    {
      type: ROW,
      components: [
        { type: BUTTON, style: GREEN, label: "Approve", custom_id: `${LETTERS.approve}${named}` },
        { type: BUTTON, style: RED, label: "Deny", custom_id: `${LETTERS.deny}${named}` },
      ],
    },
  ];
}

/** What a button means; undefined for one that is not ours, or of another release. */
export function readPairingButton(customId: string): PairingButton | undefined {
  const [, letter, pairingId = "", print = "", identifier = ""] = CUSTOM_ID.exec(customId) ?? [];
  if (letter === undefined || !isIdentifier(identifier)) return undefined;
  const digits = Buffer.from(print, "base64url").toString("hex");
  return {
    action: letter === LETTERS.approve ? "approve" : "deny",
    identifier,
    fingerprint: (digits.match(/.{4}/gu) ?? []).join("-"),
    pairingId,
  };
}
