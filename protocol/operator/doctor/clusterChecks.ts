import { DeadLetters, type Keys, NodeStore, type RedisConnection, redisNow } from "../../redis/index.ts";
import { ageText } from "../age.ts";
import { beginSentence, type NextSteps } from "../nextSteps.ts";
import { plainText } from "../plainText.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

/** A sweep that did not run for so long (ms) is late, however rarely it is meant to run. */
const SWEEP_LATE_MS = 60_000;

export async function checkNodes(redis: RedisConnection, keys: Keys): Promise<Finding> {
  const nodes = await new NodeStore(redis, keys).list();
  if (nodes.length === 0) return broken("nodes", "none is alive", "Start one with `yonexus node`.");
  const sessions = nodes.reduce((sum, node) => sum + node.sessions, 0);
  const draining = nodes.filter((node) => node.draining).length;
  const names = nodes.map((node) => plainText(`${node.nodeId} at ${node.url}`)).join(", ");
  const found = `${nodes.length} alive with ${sessions} ${sessions === 1 ? "session" : "sessions"} (${names})`;
  if (draining < nodes.length) return ok("nodes", draining === 0 ? found : `${found}, ${draining} draining`);
  return warning("nodes", `${found}, all draining`, "Start another one with `yonexus node`: nobody can connect.");
}

export async function checkCoordinators(redis: RedisConnection, keys: Keys): Promise<Finding> {
  const alive = await redis.zcount(keys.coordinators, await redisNow(redis), "+inf");
  if (alive > 0) return ok("coordinators", `${alive} alive`);
  return broken(
    "coordinators",
    "none is alive: no pairing codes are sent, and nobody who falls silent is noticed",
    "Start one with `yonexus coordinator`.",
  );
}

export async function checkLastSweep(redis: RedisConnection, keys: Keys, leaseMs: number): Promise<Finding> {
  const at = Number((await redis.get(keys.sweptAt("deadNodes"))) ?? 0);
  if (at === 0)
    return warning("last sweep", "none has run yet", "Start a coordinator, or wait a moment if one just began.");
  const now = await redisNow(redis);
  if (now - at <= Math.max(SWEEP_LATE_MS, 5 * leaseMs)) return ok("last sweep", ageText(at, now));
  return broken("last sweep", ageText(at, now), "See the log of the coordinator, and start it again.");
}

export async function checkDeadLetters(redis: RedisConnection, keys: Keys, next: NextSteps): Promise<Finding> {
  const places = await new DeadLetters(redis, keys).places();
  if (places.length === 0) return ok("dead letters", "none");
  const most = places.toSorted((left, right) => right.count - left.count).slice(0, 3);
  const named = most.map(({ place, count }) =>
    plainText(`${count} of ${place.kind === "rule" ? `the rule ${place.rule}` : place.identifier}`),
  );
  const others = places.length > most.length ? ` and ${places.length - most.length} places more` : "";
  return warning("dead letters", `${named.join(", ")}${others}`, `${beginSentence(next.lookAtDeadLetters())}.`);
}
