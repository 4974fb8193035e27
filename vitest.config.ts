import { defineConfig } from "vitest/config";

// Workspace packages are imported from their TypeScript sources (the "source" export condition), never from a build.
const source = { conditions: ["source", "node", "import", "default"] };
const shared = { resolve: source, ssr: { resolve: source } };

// They need an installed OpenClaw, and a plugin that is built: scripts/testOpenclaw.sh sees to both and says where it is.
const openclaw =
  process.env.YONEXUS_OPENCLAW_HOST === undefined
    ? []
    : [
        {
          ...shared,
          test: {
            name: "openclaw",
            include: ["test/openclaw/**/*.test.ts"],
            // Only ends what hangs: each command of OpenClaw takes its ten seconds, and thrice that on a busy machine.
            testTimeout: 180_000,
            hookTimeout: 200_000,
            // A gateway that boots uses both cores and most of a gigabyte.
            fileParallelism: false,
          },
        },
      ];

// They need a Docker engine and the built image: scripts/testContainers.sh sees to both.
const containers =
  process.env.YONEXUS_TEST_CONTAINERS === undefined
    ? []
    : [
        {
          ...shared,
          test: {
            name: "containers",
            include: ["test/containers/**/*.test.ts"],
            testTimeout: 120_000,
            hookTimeout: 300_000,
          },
        },
      ];

// They need promtool, which scripts/test.sh installs where it can.
const alerts =
  process.env.YONEXUS_TEST_PROMTOOL === undefined
    ? []
    : [{ ...shared, test: { name: "alerts", include: ["test/alerts/**/*.test.ts"], testTimeout: 60_000 } }];

// They need HAProxy, which scripts/test.sh installs where it can.
const balancer =
  process.env.YONEXUS_TEST_HAPROXY === undefined
    ? []
    : [{ ...shared, test: { name: "balancer", include: ["test/balancer/**/*.test.ts"], testTimeout: 60_000 } }];

// They need a browser: scripts/testConsole.sh sees to it and says where it is.
const operatorConsole =
  process.env.YONEXUS_TEST_BROWSER === undefined
    ? []
    : [
        {
          ...shared,
          test: {
            name: "console",
            include: ["test/console/**/*.test.ts"],
            testTimeout: 60_000,
            hookTimeout: 120_000,
            // A browser uses both cores.
            fileParallelism: false,
          },
        },
      ];

// A module is loaded once a worker and not once a file, which is half of the time of the short ones: a file leaves nothing behind.
const sharing = { isolate: false };

export default defineConfig({
  ...shared,
  test: {
    // Two shared cores: more workers only make the real processes under test wait for each other.
    maxWorkers: 2,
    projects: [
      {
        ...shared,
        test: {
          ...sharing,
          name: "unit",
          include: ["{protocol,node,coordinator,plugin,scripts,deploy,test/bench}/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          // Only ends what hangs: a property of a thousand cases takes its time on a busy machine.
          testTimeout: 30_000,
        },
      },
      {
        ...shared,
        test: {
          ...sharing,
          name: "redis",
          include: ["test/redis/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          ...sharing,
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          ...sharing,
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          ...sharing,
          name: "plugin",
          include: ["test/plugin/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      ...alerts,
      ...balancer,
      ...openclaw,
      ...containers,
      ...operatorConsole,
    ],
  },
});
