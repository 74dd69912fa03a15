// The client, the samples, and the loop over them: 16 in flight.

const fs = require("node:fs");
const path = require("node:path");

const { OpenAI } = require("openai");
const { VERSION } = require("openai/version");

const DATA = path.join(__dirname, "..", "..", "data");
const IN_FLIGHT = 16;

/** Return a client that reads the key from OPENAI_API_KEY, and tries nothing twice. */
exports.client = (baseURL) => new OpenAI({ baseURL, maxRetries: 0 });

/** Return the samples of a file of evals/data, one a line. */
exports.samples = (name) =>
  fs.readFileSync(path.join(DATA, name), "utf8").trim().split("\n").map((line) => JSON.parse(line));

/** Return a clip's path. */
exports.clip = (sample) => path.join(DATA, sample.audio);

/** Return the answer to each sample, in the order of the samples. */
const answers = async (way, chosen) => {
  const found = [];
  const waiting = chosen.entries();
  const worker = async () => {
    for (const [at, sample] of waiting) found[at] = await way(sample);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return found;
};

/**
 * Send the samples *chosen* in each of *ways*, and write a row for each to the file *out*: the share
 * of answers for which *passes*(sample, answer) is true, and the answers.
 */
exports.rows = async ({ ways, chosen, passes, out }) => {
  const found = [];
  for (const [task, way] of Object.entries(ways)) {
    const texts = await answers(way, chosen);
    const right = chosen.filter((sample, at) => passes(sample, texts[at])).length;
    found.push({ task, score: right / chosen.length, samples: texts });
  }
  fs.writeFileSync(out, JSON.stringify({ harness: `openai for Node ${VERSION}`, rows: found }));
};
