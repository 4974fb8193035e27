/** Where a program finds the cluster under test. */
export interface ClusterPlace {
  readonly redisUrl: string;
  readonly keyPrefix: string;
}
