import { useEffect, useRef, useState } from "preact/hooks";
import type { AccessRow, Decision, PairingRow } from "../liveMessages.ts";
import type { ViewState } from "../viewState.ts";
import { decide } from "./api.ts";
import { Ago, Code, Left, plainWords } from "./words.tsx";

/** What became of a pairing that was decided here. */
interface Outcome {
  readonly done: boolean;
  /** What the coordinator calls it; absent when it said no decision. */
  readonly outcome?: string;
  readonly sentence: string;
}

interface Props {
  readonly state: ViewState;
  readonly now: number;
  readonly csrf: string;
}

/** Pairings that are over stay where they were, so that no button moves under a finger. So many of them at most. */
const MAX_SHOWN = 200;

/** Who waits to be let in. */
export function Pairings({ state, now, csrf }: Props) {
  const waiting = (state.lists.pairings ?? []) as readonly PairingRow[];
  const access = (state.lists.access ?? []) as readonly AccessRow[];
  const [outcomes, setOutcomes] = useState<Readonly<Record<string, Outcome>>>({});
  const shown = useRef<readonly PairingRow[]>([]);
  const byId = new Map(waiting.map((pairing) => [pairing.id, pairing]));
  const known = new Set(shown.current.map(({ id }) => id));
  shown.current = [
    ...shown.current.map((pairing) => byId.get(pairing.id) ?? pairing),
    ...waiting.filter(({ id }) => !known.has(id)),
  ].slice(-MAX_SHOWN);
  return (
    <>
      {shown.current.length === 0 ? (
        <p class="empty">Nobody waits. A follower that is allowed and not paired shows here when it connects.</p>
      ) : (
        <ul class="cards">
          {shown.current.map((pairing) => (
            <Pairing
              key={pairing.id}
              pairing={pairing}
              isWaiting={byId.has(pairing.id)}
              now={now}
              csrf={csrf}
              outcome={outcomes[pairing.id]}
              onOutcome={(outcome) => setOutcomes((before) => ({ ...before, [pairing.id]: outcome }))}
            />
          ))}
        </ul>
      )}
      <section aria-labelledby="access">
        <h2 id="access">Sign-ins and decisions</h2>
        {access.length === 0 ? (
          <p class="empty">None yet.</p>
        ) : (
          <ol class="timeline">
            {access.map(({ id, at, event, details }) => (
              <li key={id}>
                <span class="when">
                  <Ago at={at} now={now} />
                </span>
                <span class="what">{plainWords(event)}</span>
                <span class="details">
                  {Object.entries(details).map(([name, value]) => (
                    <span key={name}>
                      <span class="faint">{name}</span> {value}
                    </span>
                  ))}
                </span>
              </li>
            ))}
          </ol>
        )}
      </section>
    </>
  );
}

interface PairingProps {
  readonly pairing: PairingRow;
  readonly isWaiting: boolean;
  readonly now: number;
  readonly csrf: string;
  readonly outcome: Outcome | undefined;
  readonly onOutcome: (outcome: Outcome) => void;
}

function Pairing({ pairing, isWaiting, now, csrf, outcome, onOutcome }: PairingProps) {
  const { id: pairingId, identifier, fingerprint, address, openedAt, expiresAt, approvedAt } = pairing;
  const [isBusy, setBusy] = useState(false);
  const told = useRef<HTMLParagraphElement>(null);
  const decided = async (decision: Decision["decision"]) => {
    setBusy(true);
    try {
      onOutcome(await decide({ decision, identifier, fingerprint, pairingId }, csrf));
    } catch (error) {
      onOutcome({ done: false, sentence: error instanceof Error ? error.message : String(error) });
    }
    setBusy(false);
  };
  // The button that had the focus is gone: whoever uses the keyboard goes on from the answer.
  useEffect(() => {
    if (outcome !== undefined && document.activeElement === document.body) told.current?.focus();
  }, [outcome]);
  const isOpen = isWaiting && outcome?.done !== true && approvedAt === null;
  // Who was let in and has not come for the secret can still be refused.
  const isDeniable = isWaiting && outcome?.outcome !== "denied";
  return (
    <li class={isOpen ? "card" : "card over"} data-pairing={pairingId} aria-label={`pairing of ${identifier}`}>
      <h2>
        <a href={`#/follower/${identifier}`}>{identifier}</a>
      </h2>
      <dl class="facts">
        <div>
          <dt>Key</dt>
          <dd>
            <Code>{fingerprint}</Code>
          </dd>
        </div>
        <div>
          <dt>From</dt>
          <dd>{address}</dd>
        </div>
        <div>
          <dt>Asked</dt>
          <dd>
            <Ago at={openedAt} now={now} />
          </dd>
        </div>
        <div>
          <dt>Short id</dt>
          <dd>
            <Code>{pairingId.slice(0, 8)}</Code>
          </dd>
        </div>
        {isDeniable ? (
          <div>
            <dt>Expires in</dt>
            <dd>
              <Left until={expiresAt} now={now} />
            </dd>
          </div>
        ) : null}
      </dl>
      {isOpen ? <p class="faint">Compare the key with the one that the follower shows, then decide.</p> : null}
      {isDeniable ? (
        <div class="actions">
          {isOpen ? (
            <button
              type="button"
              class="approve"
              disabled={isBusy}
              onClick={() => void decided("approve")}
              aria-label={`Approve ${identifier}`}
            >
              Approve
            </button>
          ) : null}
          <button
            type="button"
            class="deny"
            disabled={isBusy}
            onClick={() => void decided("deny")}
            aria-label={`Deny ${identifier}`}
          >
            Deny
          </button>
        </div>
      ) : null}
      <p class={`outcome ${outcome === undefined || outcome.done ? "" : "bad"}`} role="status" tabIndex={-1} ref={told}>
        {outcome?.sentence ?? overText(pairing, isWaiting, now)}
      </p>
    </li>
  );
}

function overText({ approvedAt, expiresAt }: PairingRow, isWaiting: boolean, now: number): string {
  if (isWaiting) return approvedAt === null ? "" : "Let in: waits for the follower to come back for its secret.";
  return expiresAt <= now ? "It expired." : "It is over: it was used, or decided elsewhere.";
}
