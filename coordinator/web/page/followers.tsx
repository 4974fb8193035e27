import { useEffect, useRef } from "preact/hooks";
import {
  type FollowerRow,
  type FollowersFacts,
  STATUS_FILTERS,
  type StatusFilter,
  type ViewRequest,
} from "../liveMessages.ts";
import type { ViewState } from "../viewState.ts";
import { routeOf } from "./route.ts";
import { Cell, Table } from "./table.tsx";
import { Ago, bytesText, countText, For, numberText, plainWords, State } from "./words.tsx";

type Request = Extract<ViewRequest, { view: "followers" }>;

/** What was typed is searched for when nothing more came for so long (ms). */
const TYPING_MS = 250;

/** The search, which stays as it is while what it finds is under way. */
export function FollowerSearch({ request }: { request: Request }) {
  const typing = useRef<number | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const go = (changes: Partial<Request>) => location.assign(routeOf({ ...request, after: "", ...changes }));
  // The address may be changed from elsewhere: by the browser's own back, above all.
  useEffect(() => {
    if (field.current !== null && document.activeElement !== field.current) field.current.value = request.prefix;
  }, [request.prefix]);
  return (
    <search>
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          go({ prefix: cleaned(field.current?.value ?? "") });
        }}
      >
        <label>
          Identifier begins with
          <input
            ref={field}
            type="search"
            name="prefix"
            defaultValue={request.prefix}
            maxLength={64}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            onInput={({ currentTarget }) => {
              clearTimeout(typing.current);
              typing.current = setTimeout(() => go({ prefix: cleaned(currentTarget.value) }), TYPING_MS);
            }}
          />
        </label>
        <label>
          Status
          <select
            value={request.status}
            onChange={({ currentTarget }) => go({ status: currentTarget.value as StatusFilter })}
          >
            {STATUS_FILTERS.map((filter) => (
              <option key={filter}>{filter}</option>
            ))}
          </select>
        </label>
      </form>
    </search>
  );
}

/** A page of followers. */
export function Followers({ request, state, now }: { request: Request; state: ViewState; now: number }) {
  const { next, searched } = state.facts as FollowersFacts;
  const followers = (state.lists.followers ?? []) as readonly FollowerRow[];
  return (
    <>
      {followers.length === 0 ? (
        <p class="empty">{emptyText(request, searched, next)}</p>
      ) : (
        <Table label="Followers" columns={["follower", "status", "since", "where", "queue", "last messages"]}>
          {followers.map((follower) => (
            <Line key={follower.id} follower={follower} now={now} />
          ))}
        </Table>
      )}
      <nav class="pages" aria-label="Pages">
        {request.after === "" ? null : (
          <a class="button" href={routeOf({ ...request, after: "" })}>
            First page
          </a>
        )}
        {next === "" ? null : (
          <a class="button" href={routeOf({ ...request, after: next })}>
            {followers.length === 0 ? "Search on" : "Next page"}
          </a>
        )}
      </nav>
    </>
  );
}

function Line({ follower, now }: { follower: FollowerRow; now: number }) {
  const {
    id,
    status,
    allowed,
    paired,
    pendingPairings,
    node,
    address,
    since,
    queued,
    queuedBytes,
    deadLetters,
    recent,
  } = follower;
  const notes = [
    allowed ? "" : "not allowed",
    paired || !allowed ? "" : "not paired",
    pendingPairings === 0 ? "" : "waits for a decision",
  ].filter((note) => note !== "");
  return (
    <tr>
      <th scope="row">
        <a href={routeOf({ view: "follower", identifier: id })}>{id}</a>
      </th>
      <Cell of="status">
        <State word={status} />
        {notes.length === 0 ? null : <span class="faint"> {notes.join(", ")}</span>}
      </Cell>
      <Cell of="since">{status === "offline" ? <Ago at={since} now={now} /> : <For at={since} now={now} />}</Cell>
      <Cell of="where">{node === null ? <span class="faint">–</span> : <Where node={node} address={address} />}</Cell>
      <Cell of="queue">
        {queued === 0 ? (
          <span class="faint">empty</span>
        ) : (
          <span title={bytesText(queuedBytes)}>{numberText(queued)} waiting</span>
        )}
        {deadLetters === 0 ? null : <span class="warn-text"> {countText(deadLetters, "dead letter")}</span>}
      </Cell>
      <Cell of="last messages">
        {recent.length === 0 ? <span class="faint">none</span> : runsText(recent.map(({ state }) => state))}
      </Cell>
    </tr>
  );
}

export function Where({ node, address }: { node: string; address: string | null }) {
  return (
    <>
      <span title={node}>{node.replace(/-[^-]*$/u, "")}</span>
      {address === null ? null : <span class="faint"> from {address}</span>}
    </>
  );
}

/** `acked ×3, queued`: the newest first. */
function runsText(states: readonly string[]): string {
  const runs: { state: string; count: number }[] = [];
  for (const state of states) {
    const last = runs.at(-1);
    if (last?.state === state) last.count += 1;
    else runs.push({ state, count: 1 });
  }
  return runs.map(({ state, count }) => `${plainWords(state)}${count === 1 ? "" : ` ×${count}`}`).join(", ");
}

function emptyText({ prefix, status, after }: Request, searched: number, next: string): string {
  if (next !== "") return `None of the ${countText(searched, "follower")} looked at is ${status}.`;
  if (after !== "") return "There are no more.";
  if (prefix !== "" || status !== "all") return "No follower is like that.";
  return "There are no followers yet: let one in with `yonexus allow add alpha`.";
}

/** What cannot be in an identifier is not searched for. */
function cleaned(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/gu, "").replace(/^[._-]+/u, "");
}
