// promptfoo against a chat model: chat.cjs BASE_URL MODEL OUT

const { run, samples } = require("./harness.cjs");

const [baseUrl, model, out] = process.argv.slice(2);
const provider = {
  id: `openai:chat:${model}`,
  config: { apiBaseUrl: baseUrl, temperature: 0, max_tokens: 32 },
};
const tests = samples("sums.jsonl").map((sample) => ({
  vars: { input: sample.messages[0].content },
  assert: [{ type: "equals", value: sample.target }],
}));

run({ task: "chat", provider, tests, out });
