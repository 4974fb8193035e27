import {
  type AttemptStore,
  type ClaimResult,
  type SessionStore,
  type Trust,
  type TrustStore,
  UnsealError,
} from "@yonexus/protocol/redis";
import type { AuthFailedReason, FollowerMessageOf } from "@yonexus/protocol/wire";
import type { DoubtfulClaims } from "../cluster/doubtfulClaims.ts";
import type { SessionIndex } from "../cluster/sessionIndex.ts";
import type { NoticeProducer } from "../services/noticeProducer.ts";
import type { ProofVerifier } from "../services/proofVerifier.ts";
import type { ConnectionEvent } from "../session/event.ts";
import type { ExpectedTrust, Peer } from "../session/state.ts";
import type { Waiter } from "./hello.ts";

export interface AuthRequestServices {
  readonly trusts: Pick<TrustStore, "openSecret" | "resealIfOld">;
  readonly sessions: Pick<SessionStore, "claim">;
  readonly attempts: Pick<AttemptStore, "countFailure">;
  readonly verifier: ProofVerifier;
  readonly index: Pick<SessionIndex, "claiming">;
  readonly doubts: Pick<DoubtfulClaims, "add">;
  readonly notices: Pick<NoticeProducer, "add">;
  /** For what may fail without harm. */
  readonly background: (work: Promise<unknown>) => void;
}

/**
 * Verifies the proof off the event loop, then claims the session: the claim checks everything that another node could know
 * better, in one script. A proof that does not verify is counted for its address and touches nothing else.
 */
export async function judgeProof(
  services: AuthRequestServices,
  request: FollowerMessageOf<"auth_request">,
  peer: Peer,
  expected: ExpectedTrust,
  claimant: Waiter,
): Promise<ConnectionEvent> {
  const { identifier } = peer;
  const { nonce, proofTimestamp, signature, publicKey } = request.payload;
  const { trust, trustVersion } = expected;
  const secret = services.trusts.openSecret(identifier, trust.sealedSecret);
  const verifies = async (candidate: string): Promise<boolean> =>
    services.verifier.verify({
      publicKey: trust.publicKey,
      secret: candidate,
      nonce,
      timestamp: proofTimestamp,
      signature,
    });

  let failure: AuthFailedReason | undefined;
  const namedKey = publicKey ?? peer.key?.publicKey ?? trust.publicKey;
  if (namedKey !== trust.publicKey) {
    failure = "invalid_signature";
  } else if (!(await verifies(secret))) {
    const previous = replacedSecret(services.trusts, identifier, trust);
    const replaced = previous !== undefined && (await verifies(previous));
    failure = replaced ? "invalid_secret" : "invalid_signature";
  }
  if (failure !== undefined) {
    const tooMany = await services.attempts.countFailure(identifier, claimant.address);
    return { type: "proofJudged", verdict: { outcome: "refused", reason: failure, tooMany } };
  }

  services.index.claiming(identifier);
  let verdict: ClaimResult;
  try {
    verdict = await services.sessions.claim({ identifier, nonce, proofTimestamp, trustVersion, ...claimant });
  } catch (error) {
    services.doubts.add(identifier, claimant.connectionId);
    throw error;
  }
  if (verdict.outcome === "claimed") {
    services.background(services.trusts.resealIfOld(identifier, trustVersion, trust.sealedSecret, secret));
  } else if (verdict.outcome === "takeover_conflict" && verdict.tellOperator) {
    const { address } = claimant;
    await services.notices.add({ kind: "takeover", identifier, address, owner: verdict.ownerAddress }, verdict.now);
  }
  return { type: "proofJudged", verdict };
}

/**
 * The secret that a newer pairing replaced, if it can still be read: nobody seals it anew, so it goes with the master key
 * that sealed it.
 */
function replacedSecret(trusts: Pick<TrustStore, "openSecret">, identifier: string, trust: Trust): string | undefined {
  if (trust.previousSealedSecret === undefined) return undefined;
  try {
    return trusts.openSecret(identifier, trust.previousSealedSecret);
  } catch (error) {
    if (error instanceof UnsealError) return undefined;
    throw error;
  }
}
