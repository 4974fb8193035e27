import type { AgentWaker } from "./agentRules.ts";
import type { HostRuntime } from "./host.ts";

type Peek = (sessionKey: string, agentId?: string) => readonly { readonly contextKey?: string | null }[];

/** Wakes agents through OpenClaw. Undefined where this OpenClaw has nothing to do it with. */
export function hostWaker(runtime: HostRuntime, peek: Peek): AgentWaker | undefined {
  const { system } = runtime;
  if (system === undefined) return undefined;
  return {
    enqueue: (text, { sessionKey, agentId }, key) =>
      system.enqueueSystemEvent(text, { sessionKey, agentId, contextKey: key }),
    waiting: ({ sessionKey, agentId }) => peek(sessionKey, agentId).map(({ contextKey }) => contextKey ?? ""),
    wake: ({ sessionKey, agentId }) =>
      system.requestHeartbeat({ source: "other", intent: "event", reason: "yonexus message", sessionKey, agentId }),
  };
}
