import { encodeBase64, keyFingerprint, newNonce, signProof } from "../wire/basics.ts";
import { HandledIds } from "./handledIds.ts";
import { type FollowerStateStore, newSavedState, publicKeyOf, type SavedState, secretKeyOf } from "./savedState.ts";

/** The follower's key and secret: the one place that holds them, and what they are used for. */
export class StateKeeper {
  readonly #store: FollowerStateStore;
  readonly #identifier: string;
  readonly #url: string;
  /** The messages that were handled, kept in the same store. */
  readonly handled: HandledIds;
  #saved: SavedState | undefined;
  /** Work on the store goes one after the other, in the order in which it was asked for. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: FollowerStateStore, identifier: string, url: string) {
    this.#store = store;
    this.#identifier = identifier;
    this.#url = url;
    this.handled = new HandledIds(store.handled);
  }

  /** Undefined until the state was opened. */
  get fingerprint(): string | undefined {
    return this.#saved && keyFingerprint(publicKeyOf(this.#saved));
  }

  get publicKey(): string | undefined {
    return this.#saved?.publicKey;
  }

  get paired(): boolean {
    return this.#saved?.secret !== undefined;
  }

  /** Takes the state; on the first run makes the key and saves it. */
  open(): Promise<void> {
    return this.#next(async () => {
      const found = await this.#store.open(this.#identifier);
      try {
        await this.handled.load();
        this.#saved = found ?? newSavedState(this.#identifier);
        if (found === undefined) await this.#store.save(this.#saved);
      } catch (error) {
        await this.#store.close();
        throw error;
      }
    });
  }

  saveSecret(secret: string, pairedAt: number): Promise<void> {
    return this.#change((state) => ({ ...state, secret, pairedAt, url: this.#url }));
  }

  /** Drops the shared secret and keeps the key. */
  forgetSecret(): Promise<void> {
    return this.#change(({ secret: _secret, pairedAt: _pairedAt, ...kept }) => kept);
  }

  /** Gives the state back, after all that was asked for before and what is still to be awaited. */
  release(unfinished: Promise<void>): Promise<void> {
    return this.#next(async () => {
      await unfinished;
      await this.#store.close();
    });
  }

  /** Resolves when all that was asked for until now has been done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** A fresh proof. Undefined without a secret. */
  prove(timestamp: number): { nonce: string; signature: string; publicKey: string } | undefined {
    const state = this.#saved;
    if (state?.secret === undefined) return undefined;
    const nonce = newNonce();
    const signature = signProof({ secret: state.secret, nonce, timestamp, secretKey: secretKeyOf(state) });
    return { nonce, signature, publicKey: encodeBase64(publicKeyOf(state)) };
  }

  #change(change: (state: SavedState) => SavedState): Promise<void> {
    return this.#next(async () => {
      if (this.#saved === undefined) return;
      const changed = change(this.#saved);
      await this.#store.save(changed);
      this.#saved = changed;
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
