/** What is needed of a socket to end it. */
interface Endable {
  destroy(): unknown;
}

export interface PendingLimits {
  /** All together. */
  readonly total: number;
  readonly perAddress: number;
}

/**
 * The sockets that are no WebSocket: most have not sent their request yet, and anybody can open them. They have places of
 * their own. One over a limit takes the place of the one that has waited longest, so that who sends a request at once (a
 * health probe, a follower) is answered however many strangers stay silent.
 */
export class PendingSockets<Socket extends Endable> {
  readonly #limits: PendingLimits;
  /** Longest waiting first. */
  readonly #all = new Map<Socket, string | undefined>();
  readonly #byAddress = new Map<string, Set<Socket>>();

  constructor(limits: PendingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @param address undefined when it stands for many clients: it counts in the total alone. */
  enter(socket: Socket, address: string | undefined): void {
    this.#all.set(socket, address);
    if (address !== undefined) {
      const same = this.#byAddress.get(address) ?? new Set();
      this.#byAddress.set(address, same.add(socket));
      if (same.size > this.#limits.perAddress) this.#end(same);
    }
    if (this.#all.size > this.#limits.total) this.#end(this.#all.keys());
  }

  /** It is closed, or a WebSocket now. */
  leave(socket: Socket): void {
    const address = this.#all.get(socket);
    this.#all.delete(socket);
    if (address === undefined) return;
    const same = this.#byAddress.get(address);
    same?.delete(socket);
    if (same?.size === 0) this.#byAddress.delete(address);
  }

  #end(longestFirst: Iterable<Socket>): void {
    const [longest] = longestFirst;
    if (longest === undefined) return;
    this.leave(longest);
    longest.destroy();
  }
}
