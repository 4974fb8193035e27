import { useState } from "preact/hooks";
import type { FeedEvent } from "../liveMessages.ts";
import { routeOf } from "./route.ts";
import { Ago, countText, plainWords, State } from "./words.tsx";

/** What happens, as it happens. */
export function FeedList({ events, missed, now }: { events: readonly FeedEvent[]; missed: number; now: number }) {
  const [held, setHeld] = useState<readonly FeedEvent[] | undefined>(undefined);
  const shown = held ?? events;
  const later = held === undefined ? 0 : events.filter(({ seq }) => seq > (held[0]?.seq ?? 0)).length;
  return (
    <>
      <div class="actions">
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? events : undefined)}
        >
          {held === undefined ? "Hold" : "Go on"}
        </button>
        <span class="faint">{later === 0 ? "" : `${countText(later, "change")} since`}</span>
      </div>
      {shown.length === 0 ? <p class="empty">No follower changed its status since this coordinator runs.</p> : null}
      <div role="log" aria-relevant="additions" aria-label="Status changes, newest first">
        <ol class="timeline">
          {shown.map(({ seq, identifier, status, previous, reason, at }) => (
            <li key={seq}>
              <span class="when">
                <Ago at={at} now={now} />
              </span>
              <span class="what">
                <a href={routeOf({ view: "follower", identifier })}>{identifier}</a> <State word={status} />
              </span>
              <span class="details">
                <span>
                  <span class="faint">was</span> {previous}
                </span>
                <span>
                  <span class="faint">because</span> {plainWords(reason)}
                </span>
              </span>
            </li>
          ))}
        </ol>
      </div>
      {missed === 0 ? null : <p class="faint">{countText(missed, "older change")} came too fast to be shown.</p>}
    </>
  );
}
