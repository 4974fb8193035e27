import type { FollowerStateStore, SavedState } from "./savedState.ts";

/** A state that ends with the process. */
export interface MemoryState extends FollowerStateStore {
  /** What was saved last. */
  readonly saved: SavedState | undefined;
}

/** Keeps the state in memory: for tests, and for followers that pair anew in every run. */
export function createMemoryState(initial?: SavedState): MemoryState {
  let saved = initial;
  return {
    get saved() {
      return saved;
    },
    open: () => Promise.resolve(saved),
    save(state) {
      saved = state;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
