// tally.mjs REPORT TEST_CODE [REPORT TEST_CODE]… CHECK_CODE: prints `N passed, N failed` of all runs of tests together, and
// exits 1 unless tests ran and all was well.
// Runs under any Node.js, because the installation may be what failed.
import { readFileSync } from "node:fs";
import { argv, exit, stdout } from "node:process";

const words = argv.slice(2);
const runs = [];
do {
  const [report = "", testCode = "1"] = words.splice(0, 2);
  runs.push({ report, testCode });
} while (words.length > 1);
const [checkCode = "1"] = words;

function count({ report, testCode }) {
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1 };
  }
  // A file that cannot be loaded has no tests to count and has failed all the same.
  const broken = results.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  ).length;
  const failed = results.numFailedTests + broken;
  // Errors outside of any test show only in the exit code.
  return { passed: results.numPassedTests, failed: failed === 0 && testCode !== "0" ? 1 : failed };
}

const counts = runs.map(count);
const passed = counts.reduce((sum, run) => sum + run.passed, 0);
const failed = counts.reduce((sum, run) => sum + run.failed, checkCode === "0" ? 0 : 1);
stdout.write(`${passed} passed, ${failed} failed\n`);
exit(failed === 0 && passed > 0 ? 0 : 1);
