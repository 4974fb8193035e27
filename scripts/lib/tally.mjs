// tally.mjs REPORT TEST_CODE [REPORT TEST_CODE]… CHECK_CODE: prints what failed, and `N passed, N failed` of all runs of tests
// together as the last line. Exits 1 unless tests ran and all was well. What failed is printed once more here because the end
// of a long output is what is kept and read.
// Needs nothing that is installed, because the installation may be what failed.
import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { argv, cwd, exit, stdout } from "node:process";
import { stripVTControlCharacters } from "node:util";

const words = argv.slice(2);
const runs = [];
do {
  const [report = "", testCode = "1"] = words.splice(0, 2);
  runs.push({ report, testCode });
} while (words.length > 1);
const [checkCode = "1"] = words;

// Of one failure: its reason and where it was, not the page of differences that may follow.
const MOST_LINES = 25;
const MOST_CHARACTERS = 2500;
const MOST_FAILURES = 20;

function excerpt(text) {
  // Colours mean nothing in a file that is kept.
  const lines = stripVTControlCharacters(String(text ?? ""))
    .slice(0, MOST_CHARACTERS)
    .trimEnd()
    .split("\n")
    .slice(0, MOST_LINES);
  return lines.map((line) => `    ${line}\n`).join("");
}

function count({ report, testCode }) {
  const run = basename(report, ".json");
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failures: [`${run}: ended without a report (exit code ${testCode})\n`] };
  }
  const failures = results.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(cwd(), name);
    const failed = assertionResults.filter((assertion) => assertion.status === "failed");
    // A file that cannot be loaded has no tests to count and has failed all the same.
    if (failed.length === 0 && status === "failed") return [`${file}\n${excerpt(message)}`];
    return failed.map(
      ({ fullName, failureMessages }) => `${file} > ${fullName}\n${excerpt((failureMessages ?? []).join("\n"))}`,
    );
  });
  // Errors outside of any test show only in the exit code.
  if (failures.length === 0 && testCode !== "0")
    failures.push(`${run}: an error outside of any test, see its output above (exit code ${testCode})\n`);
  return { passed: results.numPassedTests, failures };
}

const counts = runs.map(count);
const passed = counts.reduce((sum, run) => sum + run.passed, 0);
const failures = counts.flatMap((run) => run.failures);
if (checkCode !== "0") failures.push(`checks: see their output above (exit code ${checkCode})\n`);
for (const failure of failures.slice(0, MOST_FAILURES)) stdout.write(`failed: ${failure}`);
if (failures.length > MOST_FAILURES) stdout.write(`and ${failures.length - MOST_FAILURES} more\n`);
stdout.write(`${passed} passed, ${failures.length} failed\n`);
exit(failures.length === 0 && passed > 0 ? 0 : 1);
