import { parseRedisUrl } from "../redis/index.ts";

/** Where a Redis URL leads, for people: without user name and password. */
export function redisPlace(url: string): string {
  const target = parseRedisUrl(url);
  switch (target.kind) {
    case "single":
      return target.options.path ?? address(target.options);
    case "sentinel":
      return `${(target.options.sentinels ?? []).map(address).join(", ")} (Sentinel group ${target.options.name})`;
    case "cluster":
      return `${target.nodes.map((node) => address(node as { host?: string; port?: number })).join(", ")} (Redis Cluster)`;
  }
}

function address({ host, port }: { readonly host?: string | undefined; readonly port?: number | undefined }): string {
  return `${host?.includes(":") === true ? `[${host}]` : host}:${port}`;
}

/** A URL that REDIS_URL accepts for a Redis behind a unix socket. */
export function unixSocketUrl(path: string): string {
  return `redis+unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}
