import { ageText, remainingText, spanText } from "@yonexus/protocol/age";
import type { ComponentChildren } from "preact";

/** How long ago, with the exact time on hover. */
export function Ago({ at, now, none = "never" }: { at: number | null; now: number; none?: string }) {
  if (at === null || at === 0) return <span class="faint">{none}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
      {ageText(at, now)}
    </time>
  );
}

/** For how long already. */
export function For({ at, now }: { at: number | null; now: number }) {
  if (at === null || at === 0) return <span class="faint">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={`since ${new Date(at).toLocaleString()}`}>
      {spanText(Math.max(0, now - at))}
    </time>
  );
}

/** How long something still lasts. */
export function Left({ until, now }: { until: number; now: number }) {
  return (
    <time dateTime={new Date(until).toISOString()} title={`until ${new Date(until).toLocaleString()}`}>
      {remainingText(until - now)}
    </time>
  );
}

const TONES: Readonly<Record<string, string>> = {
  ready: "good",
  online: "good",
  acked: "good",
  live: "good",
  draining: "warn",
  late: "warn",
  unstable: "warn",
  lost: "bad",
  expired: "bad",
  rejected: "bad",
};

/** A state, told by its word and by a colour. */
export function State({ word }: { word: string }) {
  return (
    <span class={`state ${TONES[word] ?? "calm"}`} data-state={word}>
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  );
}

/** A name that a person compares, letter by letter. */
export function Code({ children }: { children: ComponentChildren }) {
  return <code class="code">{children}</code>;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** 1536 → `1.5 KiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${numberText(value)} ${UNITS[unit] ?? ""}`;
}

export function numberText(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 1 });
}

/** `3 messages`, `1 message`. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** What a machine calls `heartbeat_timeout`, for people. */
export function plainWords(name: string): string {
  return name.replaceAll("_", " ");
}
