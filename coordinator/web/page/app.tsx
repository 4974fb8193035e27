import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { ViewRequest } from "../liveMessages.ts";
import { readSession, signIn, signOut } from "./api.ts";
import { FeedList } from "./feed.tsx";
import { Follower } from "./follower.tsx";
import { FollowerSearch, Followers } from "./followers.tsx";
import { type Known, Live } from "./live.ts";
import { Overview } from "./overview.tsx";
import { Pairings } from "./pairings.tsx";
import { readRoute, routeOf } from "./route.ts";

/** The token of a one-time link, which is taken out of the address before anything else happens. */
function takeLink(): string | undefined {
  const link = /^#sign-in=([A-Za-z0-9_-]+)$/u.exec(location.hash)?.[1];
  if (link !== undefined) history.replaceState(null, "", "#/overview");
  return link;
}

const LINK = takeLink();

export function App() {
  const [, draw] = useReducer<number, void>((count) => count + 1, 0);
  const [live] = useState(() => new Live(() => draw()));
  const [refusal, setRefusal] = useState<string | undefined>(undefined);
  const [request, setRequest] = useState<ViewRequest>(() => readRoute(location.hash));
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    void enter(live, setRefusal);
    const moved = () => setRequest(readRoute(location.hash));
    addEventListener("hashchange", moved);
    // Who moved on before that was heard is followed too.
    moved();
    // Ages and what is left go on, whatever comes.
    const second = setInterval(() => draw(), 1_000);
    return () => {
      removeEventListener("hashchange", moved);
      clearInterval(second);
    };
  }, [live]);

  const asked = routeOf(request);
  useEffect(() => live.watch(request), [live, asked]);

  const place = request.view === "follower" ? asked : request.view;
  const before = useRef(place);
  useEffect(() => {
    document.title = `${titleOf(request)} · Yonexus`;
    if (before.current === place) return;
    before.current = place;
    heading.current?.focus();
    scrollTo(0, 0);
  }, [place]);

  const { known } = live;
  if (known.link === "signedOut" || refusal !== undefined) return <SignedOut sentence={refusal} />;
  const now = Date.now() + known.clockOffset;
  return (
    <>
      <button type="button" class="skip" onClick={() => heading.current?.focus()}>
        Skip to the content
      </button>
      <header>
        <span class="brand">Yonexus</span>
        <Views request={request} pairings={known.pairings} />
        <span class="who">
          {known.session === undefined ? null : (
            <button
              type="button"
              class="quiet"
              title={`signed in as ${known.session.by}`}
              onClick={() => void leave(known)}
            >
              Sign out
            </button>
          )}
        </span>
      </header>
      <Trouble known={known} />
      <main>
        <h1 tabIndex={-1} ref={heading}>
          {titleOf(request)}
        </h1>
        {request.view === "followers" ? <FollowerSearch request={request} /> : null}
        <View request={request} known={known} now={now} />
      </main>
    </>
  );
}

function View({ request, known, now }: { request: ViewRequest; known: Known; now: number }) {
  const { shown, samples, pairings, events, missed, session } = known;
  if (shown === undefined || !isOf(shown.request, request)) return <p class="empty">One moment …</p>;
  const { state } = shown;
  switch (request.view) {
    case "overview":
      return <Overview state={state} samples={samples} pairings={pairings} now={now} />;
    case "followers":
      return <Followers request={request} state={state} now={now} />;
    case "follower":
      return <Follower identifier={request.identifier} state={state} now={now} />;
    case "pairings":
      return <Pairings state={state} now={now} csrf={session?.csrf ?? ""} />;
    case "feed":
      return <FeedList events={events} missed={missed} now={now} />;
  }
}

/** Whether what came for one request can be shown for another until its own comes: another page of the same list can. */
function isOf(shown: ViewRequest, request: ViewRequest): boolean {
  return shown.view === request.view && (request.view === "followers" || routeOf(shown) === routeOf(request));
}

const VIEWS = [
  { view: "overview", name: "Overview" },
  { view: "followers", name: "Followers" },
  { view: "pairings", name: "Pairings" },
  { view: "feed", name: "Feed" },
] as const;

function Views({ request, pairings }: { request: ViewRequest; pairings: number }) {
  const current = request.view === "follower" ? "followers" : request.view;
  return (
    <nav aria-label="Views">
      <ul>
        {VIEWS.map(({ view, name }) => (
          <li key={view}>
            <a href={`#/${view}`} {...(view === current ? { "aria-current": "page" as const } : {})}>
              {name}
              {view === "pairings" && pairings > 0 ? (
                <span class="badge">
                  {pairings}
                  <span class="hidden"> waiting</span>
                </span>
              ) : null}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Trouble({ known }: { known: Known }) {
  const sentence =
    known.link === "lost"
      ? "The link to the coordinator is lost: what is shown is old. It is tried again."
      : known.trouble;
  return (
    <p class={sentence === undefined ? "hidden" : "trouble"} role="alert">
      {sentence}
    </p>
  );
}

function SignedOut({ sentence }: { sentence: string | undefined }) {
  return (
    <main class="signed-out">
      <h1>Yonexus</h1>
      {sentence === undefined ? null : (
        <p class="outcome bad" role="alert">
          {sentence}
        </p>
      )}
      <p>Nobody is signed in here. In a terminal of the cluster, ask for a link, and open it within five minutes:</p>
      <pre>
        <code>yonexus console</code>
      </pre>
    </main>
  );
}

/** With a link, or with the session that the browser has. */
async function enter(live: Live, refuse: (sentence: string) => void): Promise<void> {
  if (LINK === undefined) return live.start();
  try {
    await live.start(await signIn(LINK));
  } catch (error) {
    // A link that is opened again in a browser that is signed in is no trouble.
    const session = await readSession().catch(() => undefined);
    if (session !== undefined) await live.start(session);
    else refuse(error instanceof Error ? error.message : String(error));
  }
}

async function leave({ session }: Known): Promise<void> {
  // Whatever comes of it: the page is told by its link when the session is over.
  await signOut(session?.csrf ?? "").catch(() => undefined);
}

function titleOf(request: ViewRequest): string {
  if (request.view === "follower") return request.identifier;
  return VIEWS.find(({ view }) => view === request.view)?.name ?? "Yonexus";
}
