/**
 * What keeps a private Redis, or the folder of a cluster, from being used. The message is for people: a sentence that says
 * how to mend it.
 */
export class LocalError extends Error {
  readonly code = "LOCAL_CLUSTER";
}
