// Runs promptfoo's command line on a configuration, and reads what it wrote.

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const DATA = path.join(__dirname, "..", "..", "data");

/** Return the samples of a file of evals/data, one a line. */
exports.samples = (name) =>
  fs.readFileSync(path.join(DATA, name), "utf8").trim().split("\n").map((line) => JSON.parse(line));

/** Return a clip's path. */
exports.clip = (sample) => path.join(DATA, sample.audio);

/**
 * Run promptfoo with *provider* on *tests*, and write the row of *task* to the file *out*: the share
 * of tests that passed, and the answers in the order of the tests. Throws if a request failed.
 */
exports.run = ({ task, provider, tests, out }) => {
  const config = path.resolve("config.json");
  const results = path.resolve("results.json");
  fs.writeFileSync(config, JSON.stringify({ prompts: ["{{input}}"], providers: [provider], tests }));
  const program = path.join(process.env.NODE_PATH, ".bin", "promptfoo");
  const flags = ["--no-cache", "--no-table", "--no-progress-bar", "--max-concurrency", "16"];
  const variables = {
    // Else it writes into the home directory, and reports what it does.
    PROMPTFOO_CONFIG_DIR: path.resolve("promptfoo"),
    PROMPTFOO_DISABLE_TELEMETRY: "1",
    PROMPTFOO_DISABLE_UPDATE: "1",
    PROMPTFOO_DISABLE_SHARING: "1",
  };
  const done = spawnSync(program, ["eval", "-c", config, "-o", results, ...flags], {
    stdio: "inherit",
    env: { ...process.env, ...variables },
  });
  // It ends with 100 where a test did not pass, which is a score.
  if (done.status !== 0 && done.status !== 100) {
    throw new Error(`promptfoo ended with ${done.status}`);
  }
  const written = JSON.parse(fs.readFileSync(results, "utf8")).results;
  if (written.stats.errors || written.results.length !== tests.length) {
    throw new Error(`${written.stats.errors} errors in ${written.results.length} results`);
  }
  const ordered = written.results.sort((one, other) => one.testIdx - other.testIdx);
  const row = {
    task,
    score: written.stats.successes / tests.length,
    samples: ordered.map((result) => result.response.output),
  };
  const about = path.join(process.env.NODE_PATH, "promptfoo", "package.json");
  const { version } = JSON.parse(fs.readFileSync(about, "utf8"));
  fs.writeFileSync(out, JSON.stringify({ harness: `promptfoo ${version}`, rows: [row] }));
};
