import { type Keys, type NodeRecord, NodeStore, type RedisConnection, redisNow } from "../../redis/index.ts";
import { judgeValidity, type Validity, validityText } from "../../tls/index.ts";
import { plainText } from "../plainText.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

const CHECK = "certificates";
/** Nodes that are named; the others are counted. */
const MAX_NAMED = 3;
const RENEW = "Renew it, and put it where YONEXUS_TLS_CERT and YONEXUS_TLS_KEY of the node are: it takes it by itself.";

/** How long the certificates of the nodes are good; nothing where no node speaks TLS. */
export async function checkCertificates(redis: RedisConnection, keys: Keys): Promise<readonly Finding[]> {
  return judgeCertificates(await new NodeStore(redis, keys).list(), await redisNow(redis));
}

/** @param now unix ms. */
export function judgeCertificates(
  nodes: readonly Pick<NodeRecord, "nodeId" | "certificate">[],
  now: number,
): readonly Finding[] {
  const certified = nodes.filter(
    (node): node is typeof node & { readonly certificate: Validity } => node.certificate !== undefined,
  );
  // The one that ends first says most; nodes often share one.
  const [first] = certified.toSorted((one, other) => one.certificate.until - other.certificate.until);
  if (first === undefined) return [];
  const bad = certified.filter(({ certificate }) => judgeValidity(certificate, now).state !== "good");
  if (bad.length === 0) {
    const whose = certified.length === 1 ? "that of 1 node" : `the first of ${certified.length} nodes`;
    return [ok(CHECK, `${whose}: ${validityText(first.certificate, now)}`)];
  }
  const named = bad
    .slice(0, MAX_NAMED)
    .map(({ nodeId, certificate }) => plainText(`node ${nodeId}: ${validityText(certificate, now)}`));
  const others = bad.length > MAX_NAMED ? `; and ${bad.length - MAX_NAMED} more` : "";
  const refused = bad.some(({ certificate }) => judgeValidity(certificate, now).state !== "ends_soon");
  return [(refused ? broken : warning)(CHECK, `${named.join("; ")}${others}`, RENEW)];
}
