import { SETTINGS } from "../config/index.ts";
import { COORDINATOR_SOURCE } from "../redis/index.ts";
import { plainText } from "./plainText.ts";

const GATEWAY = "gateway:";

/**
 * Which configurations name a follower still that a person took off the allowlist, and what that means. Undefined when none does.
 * @param configuredBy as `TrustStore.configuredBy` answers.
 */
export function namedStill(identifier: string, configuredBy: readonly string[]): string | undefined {
  if (configuredBy.length === 0) return undefined;
  const gateways = configuredBy
    .filter((source) => source.startsWith(GATEWAY))
    .map((source) => plainText(source.slice(GATEWAY.length)));
  const others = configuredBy.filter((source) => source !== COORDINATOR_SOURCE && !source.startsWith(GATEWAY));
  const places = [
    ...(configuredBy.includes(COORDINATOR_SOURCE) ? [SETTINGS.followerIdentifiers.env] : []),
    ...(gateways.length === 0 ? [] : [gatewayPlace(gateways)]),
    ...others.map((source) => `the configuration ${plainText(source)}`),
  ];
  return `${identifier} is named still by ${places.join(" and by ")}: it stays out all the same. Take it out of there too.`;
}

/** A gateway is known by the file that it keeps in its profile. */
function gatewayPlace(ids: readonly string[]): string {
  const whose = ids.length === 1 ? "the OpenClaw gateway whose" : "the OpenClaw gateways whose";
  return `followerIdentifiers of ${whose} gateway.id is ${ids.join(" or ")}`;
}
