import type { CoordinatorRow, NodeRow, OverviewFacts, RuleRow, Sample } from "../liveMessages.ts";
import type { ViewState } from "../viewState.ts";
import { Chart } from "./chart.tsx";
import { Cell, Table } from "./table.tsx";
import { Ago, bytesText, countText, For, Left, numberText, State } from "./words.tsx";

interface Props {
  readonly state: ViewState;
  readonly samples: readonly Sample[];
  readonly pairings: number;
  readonly now: number;
}

/** The whole cluster at a glance. */
export function Overview({ state, samples, pairings, now }: Props) {
  const facts = state.facts as OverviewFacts;
  const nodes = (state.lists.nodes ?? []) as readonly NodeRow[];
  const coordinators = (state.lists.coordinators ?? []) as readonly CoordinatorRow[];
  const rules = (state.lists.rules ?? []) as readonly RuleRow[];
  return (
    <>
      <Verdict nodes={nodes} coordinators={coordinators} facts={facts} />
      <dl class="tiles">
        <Tile
          name="Connected"
          value={numberText(facts.sessions)}
          of={countText(facts.followers, "follower")}
          href="#/followers"
        />
        <Tile
          name="Pairings"
          value={numberText(pairings)}
          of="wait for a decision"
          href="#/pairings"
          warn={pairings > 0}
        />
        <Tile
          name="Dead letters"
          value={numberText(facts.deadLetterPlaces)}
          of="rules and followers may have some"
          warn={facts.deadLetterPlaces > 0}
        />
        <Tile
          name="Notices"
          value={numberText(facts.noticesWaiting)}
          of={`wait, ${facts.noticesFailed} failed`}
          warn={facts.noticesFailed > 0}
        />
        <Tile
          name="Redis"
          value={facts.redisMs === null ? "–" : `${numberText(facts.redisMs)} ms`}
          of={memoryText(facts)}
        />
      </dl>
      <section aria-labelledby="nodes">
        <h2 id="nodes">Nodes</h2>
        {nodes.length === 0 ? (
          <p class="empty">
            No node is here: start one with <code>yonexus node</code>.
          </p>
        ) : (
          <Nodes nodes={nodes} now={now} />
        )}
      </section>
      <section aria-labelledby="charts">
        <h2 id="charts">The last 15 minutes</h2>
        <Charts samples={samples} />
      </section>
      <section aria-labelledby="coordinators">
        <h2 id="coordinators">Coordinators</h2>
        <Table label="Coordinators" columns={["coordinator", "state", "lease"]}>
          {coordinators.map(({ id, live, leaseUntil }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <Cell of="state">
                <State word={live ? "live" : "lost"} />
              </Cell>
              <Cell of="lease">
                {live ? (
                  <>
                    for <Left until={leaseUntil} now={now} />
                  </>
                ) : (
                  <>
                    lapsed <Ago at={leaseUntil} now={now} />
                  </>
                )}
              </Cell>
            </tr>
          ))}
        </Table>
      </section>
      <section aria-labelledby="rules">
        <h2 id="rules">Rules</h2>
        {rules.length === 0 ? (
          <p class="empty">No program handles what followers send.</p>
        ) : (
          <Rules rules={rules} all={facts.rules} />
        )}
      </section>
    </>
  );
}

/** Whether all is well, in a sentence. */
function Verdict({
  nodes,
  coordinators,
  facts,
}: {
  nodes: readonly NodeRow[];
  coordinators: readonly CoordinatorRow[];
  facts: OverviewFacts;
}) {
  const ready = nodes.filter(({ state }) => state === "ready").length;
  const lost = nodes.filter(({ state }) => state === "lost").length;
  const troubles = [
    ready === 0 ? "no node is ready for followers" : "",
    lost > 0 ? `${countText(lost, "node")} lost` : "",
    coordinators.some(({ live }) => live) ? "" : "no coordinator holds its lease",
    facts.noticesFailed > 0 ? `${countText(facts.noticesFailed, "notice")} could not be sent` : "",
  ].filter((each) => each !== "");
  if (troubles.length === 0) {
    return (
      <p class="verdict good" role="status">
        All is well: {countText(ready, "node")} ready, {countText(facts.sessions, "follower")} connected.
      </p>
    );
  }
  return (
    <p class={`verdict ${ready === 0 || lost > 0 ? "bad" : "warn"}`} role="status">
      {sentence(troubles.join(", "))}
    </p>
  );
}

function Nodes({ nodes, now }: { nodes: readonly NodeRow[]; now: number }) {
  const most = Math.max(1, ...nodes.map(({ sessions }) => sessions));
  return (
    <Table label="Nodes" columns={["node", "state", "followers", "lease renewed", "up", "address"]}>
      {nodes.map((node) => (
        <tr key={node.id} class={node.state === "lost" ? "row-bad" : ""} data-node={node.id}>
          <th scope="row" title={node.id}>
            {node.name}
          </th>
          <Cell of="state">
            <State word={node.state} />
            {node.goneAt === null ? null : (
              <span class="faint">
                {" "}
                <Ago at={node.goneAt} now={now} />
              </span>
            )}
          </Cell>
          <Cell of="followers">
            <span class="load">
              <meter min={0} max={most} value={node.sessions} aria-label={`followers of ${node.name}`} />
              {numberText(node.sessions)}
            </span>
          </Cell>
          <Cell of="lease renewed">
            <Ago at={node.renewedAt} now={now} none="unknown" />
          </Cell>
          <Cell of="up">
            {node.goneAt === null ? <For at={node.startedAt} now={now} /> : <span class="faint">–</span>}
          </Cell>
          <Cell of="address">{node.url === "" ? <span class="faint">unknown</span> : node.url}</Cell>
        </tr>
      ))}
    </Table>
  );
}

function Rules({ rules, all }: { rules: readonly RuleRow[]; all: number }) {
  return (
    <>
      <Table label="Rules" columns={["rule", "held by", "replicas", "waiting", "dead letters"]}>
        {rules.map(({ id, group, replicas, backlog, deadLetters }) => (
          <tr key={id} class={replicas === 0 && backlog > 0 ? "row-bad" : ""}>
            <th scope="row">{id}</th>
            <Cell of="held by">{replicas === 0 ? <span class="faint">nobody</span> : group}</Cell>
            <Cell of="replicas">{numberText(replicas)}</Cell>
            <Cell of="waiting">{numberText(backlog)}</Cell>
            <Cell of="dead letters">{numberText(deadLetters)}</Cell>
          </tr>
        ))}
      </Table>
      {all > rules.length ? <p class="faint">And {countText(all - rules.length, "rule")} with less to do.</p> : null}
    </>
  );
}

function Charts({ samples }: { samples: readonly Sample[] }) {
  const times = samples.map(({ at }) => at / 1_000);
  return (
    <div class="charts">
      <Chart
        title="Connected followers"
        times={times}
        lines={[{ name: "connected", values: samples.map(({ sessions }) => sessions) }]}
      />
      <Chart
        title="Messages a second"
        times={times}
        lines={[
          { name: "to followers", values: samples.map(({ sent }) => sent) },
          { name: "from them", values: samples.map(({ received }) => received) },
        ]}
      />
      <Chart
        title="On its way (ms)"
        times={times}
        lines={[
          { name: "to the node", values: samples.map(({ routeMs }) => routeMs) },
          { name: "until acked", values: samples.map(({ ackMs }) => ackMs) },
        ]}
      />
      <Chart
        title="Status changes"
        times={times}
        lines={[{ name: "a second", values: samples.map(({ statusChanges }) => statusChanges) }]}
      />
      <Chart
        title="Redis commands"
        times={times}
        lines={[{ name: "a second", values: samples.map(({ commands }) => commands) }]}
      />
      <Chart
        title="Redis answers in (ms)"
        times={times}
        lines={[
          { name: "usual", values: samples.map(({ redisMs }) => redisMs) },
          { name: "longest", values: samples.map(({ redisMaxMs }) => redisMaxMs) },
        ]}
      />
    </div>
  );
}

function Tile({
  name,
  value,
  of,
  href,
  warn,
}: {
  name: string;
  value: string;
  of: string;
  href?: string;
  warn?: boolean;
}) {
  return (
    <div class={warn === true ? "tile warn" : "tile"}>
      <dt>{href === undefined ? name : <a href={href}>{name}</a>}</dt>
      <dd>
        <strong>{value}</strong> <span class="faint">{of}</span>
      </dd>
    </div>
  );
}

function memoryText({ redisMemory, redisMaxMemory, redisVersion }: OverviewFacts): string {
  const used = redisMemory === null ? "" : bytesText(redisMemory);
  const limit = redisMaxMemory === null ? "" : ` of ${bytesText(redisMaxMemory)}`;
  return [`${used}${limit}`, redisVersion].filter((each) => each !== "").join(", ");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
