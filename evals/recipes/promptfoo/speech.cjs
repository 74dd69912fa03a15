// promptfoo against a speech model: speech.cjs BASE_URL MODEL OUT

const { clip, run, samples } = require("./harness.cjs");

const [baseUrl, model, out] = process.argv.slice(2);
const provider = {
  id: `openai:transcription:${model}`,
  config: { apiBaseUrl: baseUrl, language: "en", temperature: 0 },
};
const english = samples("speech.jsonl").filter((sample) => sample.language === "en");
const tests = english.map((sample) => ({
  vars: { input: clip(sample) },
  assert: [{ type: "icontains", value: sample.target }],
}));

run({ task: "transcription", provider, tests, out });
