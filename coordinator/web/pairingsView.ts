import type { ConsoleAccess, PairingStore } from "@yonexus/protocol/redis";
import type { AccessRow, PairingRow } from "./liveMessages.ts";
import type { ViewState } from "./viewState.ts";

/** Pairings that are shown: those that expire first. */
const MAX_PAIRINGS = 100;
/** Entries of the console's own audit that are shown. */
const ACCESS_ENTRIES = 20;

/** The pairings that wait for somebody, the oldest first, and what was decided lately. */
export class PairingsView {
  readonly #pairings: PairingStore;
  readonly #access: ConsoleAccess;

  constructor(pairings: PairingStore, access: ConsoleAccess) {
    this.#pairings = pairings;
    this.#access = access;
  }

  async read(): Promise<ViewState> {
    const [pending, audit] = await Promise.all([
      this.#pairings.pending(MAX_PAIRINGS),
      this.#access.audit(ACCESS_ENTRIES),
    ]);
    const pairings = pending.map(
      ({ pairingId, identifier, fingerprint, address, openedAt, expiresAt, approvedAt = null }): PairingRow => ({
        ...{ id: pairingId, identifier, fingerprint, address, openedAt, expiresAt, approvedAt },
      }),
    );
    pairings.sort((one, other) => one.openedAt - other.openedAt || one.id.localeCompare(other.id));
    const access: AccessRow[] = audit.map(({ id, at, event, details }) => ({ id, at, event, details }));
    return { facts: {}, lists: { pairings, access } };
  }
}
