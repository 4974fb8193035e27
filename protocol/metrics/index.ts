export { LATENCY_BOUNDS, type Latency } from "./latency.ts";
export { type Counts, type MetricHead, MetricSet, type Readings } from "./metricSet.ts";
export { ProcessMetrics } from "./processMetrics.ts";
export { RedisMetrics } from "./redisMetrics.ts";
export { byLabel, ONE, type Series } from "./series.ts";
