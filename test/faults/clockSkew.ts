/**
 * Preloaded into a process (`--import …/clockSkew.ts?300000`), it moves the process's wall clock by so many milliseconds. Its monotonic
 * clock and its timers go on as they are.
 */
const skewMs = Number(new URL(import.meta.url).search.slice(1));
const now = Date.now.bind(Date);
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now() + skewMs] : given, newTarget) as object,
  apply: () => new RealDate(now() + skewMs).toString(),
});
Date.now = () => now() + skewMs;
Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + skewMs });
