import type { ComponentChildren } from "preact";
import type { FollowerFacts, TimelineRow } from "../liveMessages.ts";
import type { ViewState } from "../viewState.ts";
import { Where } from "./followers.tsx";
import { Ago, bytesText, Code, countText, For, Left, plainWords, State } from "./words.tsx";

/** One follower, and all that happened to it. */
export function Follower({ identifier, state, now }: { identifier: string; state: ViewState; now: number }) {
  const facts = state.facts as FollowerFacts;
  const timeline = (state.lists.timeline ?? []) as readonly TimelineRow[];
  if (!facts.known) {
    return (
      <p class="empty">
        The cluster never heard of {identifier}: let it in with <code>yonexus allow add {identifier}</code>.
      </p>
    );
  }
  return (
    <>
      <dl class="facts">
        <Line name="Status">
          <State word={facts.status} />{" "}
          <span class="faint">
            {facts.status === "offline" ? (
              <Ago at={facts.since} now={now} none="never seen" />
            ) : (
              <>
                for <For at={facts.since} now={now} />
              </>
            )}
            {facts.endReason === null ? null : `, ${plainWords(facts.endReason)}`}
          </span>
        </Line>
        <Line name="Where">
          {facts.node === null ? (
            <span class="faint">nowhere yet</span>
          ) : (
            <Where node={facts.node} address={facts.address} />
          )}
        </Line>
        <Line name="Last heartbeat">
          <Ago at={facts.lastHeartbeatAt} now={now} />
        </Line>
        <Line name="Allowed">{facts.allowed ? "yes" : "no"}</Line>
        <Line name="Paired">
          {facts.paired ? (
            <>
              yes, <Ago at={facts.pairedAt} now={now} none="" />
            </>
          ) : (
            "no"
          )}
        </Line>
        {facts.fingerprint === null ? null : (
          <Line name="Key">
            <Code>{facts.fingerprint}</Code>
          </Line>
        )}
        {facts.trustClearedAt === null ? null : (
          <Line name="Trust cleared">
            <Ago at={facts.trustClearedAt} now={now} />, {plainWords(facts.trustClearedReason ?? "no reason given")}
          </Line>
        )}
        <Line name="Queue">
          {facts.queued === 0 ? "empty" : `${countText(facts.queued, "message")}, ${bytesText(facts.queuedBytes)}`}
        </Line>
        <Line name="Not delivered">{undeliveredText(facts)}</Line>
      </dl>
      <section aria-labelledby="timeline">
        <h2 id="timeline">Timeline</h2>
        {timeline.length === 0 ? (
          <p class="empty">Nothing happened yet.</p>
        ) : (
          <ol class="timeline">
            {timeline.map((row) => (
              <Moment key={row.id} row={row} now={now} />
            ))}
          </ol>
        )}
      </section>
    </>
  );
}

function Line({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ row, now }: { row: TimelineRow; now: number }) {
  const { expiresAt, ...details } = row.details;
  return (
    <li class={row.kind}>
      <span class="when">
        <Ago at={row.at} now={now} />
      </span>
      <span class="what">
        {row.kind === "message" ? (
          <>
            message <State word={row.what} />
          </>
        ) : (
          <AuditEvent what={row.what} />
        )}
      </span>
      <span class="details">
        {Object.entries(details).map(([name, value]) => (
          <span key={name}>
            <span class="faint">{name}</span> {name === "reason" ? plainWords(value) : value}
          </span>
        ))}
        {expiresAt === undefined ? null : (
          <span>
            <span class="faint">expires in</span> <Left until={Number(expiresAt)} now={now} />
          </span>
        )}
      </span>
    </li>
  );
}

function AuditEvent({ what }: { what: string }) {
  const isStatus = what === "online" || what === "unstable" || what === "offline";
  return isStatus ? <State word={what} /> : <span>{plainWords(what)}</span>;
}

function undeliveredText({ expired, rejected, deadLetters }: FollowerFacts): string {
  if (expired + rejected === 0) return "nothing";
  const kept = deadLetters === 0 ? "" : `; ${countText(deadLetters, "dead letter")} kept`;
  return `${expired} expired, ${rejected} rejected${kept}`;
}
