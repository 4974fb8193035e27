import type { Connection } from "../session/connection.ts";

/**
 * Which connection of this node waits for which pairing: one for each. A pairing can be joined by whoever knows the
 * follower's public key, so the newest takes the place of the one before, and a node's pool cannot be filled with one.
 */
export class PairingWaiters {
  readonly #byPairing = new Map<string, Connection>();
  readonly #pairings = new Map<Connection, string>();

  /** The connection waits from now on; the one that waited for the same pairing is told. */
  add(connection: Connection, pairingId: string): void {
    const previous = this.#byPairing.get(pairingId);
    this.#byPairing.set(pairingId, connection);
    this.#pairings.set(connection, pairingId);
    if (previous !== connection) previous?.apply({ type: "pairingTakenOver" });
  }

  /** The connection is authenticated, or gone. */
  remove(connection: Connection): void {
    const pairingId = this.#pairings.get(connection);
    if (pairingId === undefined) return;
    this.#pairings.delete(connection);
    if (this.#byPairing.get(pairingId) === connection) this.#byPairing.delete(pairingId);
  }
}
