// OpenAI's client for Node against a chat model: chat.cjs BASE_URL MODEL OUT

const { client, rows, samples } = require("./harness.cjs");

const [baseURL, model, out] = process.argv.slice(2);
const openai = client(baseURL);
const options = { model, temperature: 0 };

const whole = async ({ messages }) => {
  const answer = await openai.chat.completions.create({ ...options, messages, max_tokens: 48 });
  return answer.choices[0].message.content;
};

const streamed = async ({ messages }) => {
  const given = { ...options, messages, max_tokens: 48, stream: true };
  let text = "";
  for await (const chunk of await openai.chat.completions.create(given)) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  return text;
};

const response = async ({ messages: input }) => {
  const given = { ...options, input, max_output_tokens: 48, store: false };
  return (await openai.responses.create(given)).output_text;
};

rows({
  ways: { chat: whole, "chat, streamed": streamed, response },
  chosen: [...samples("sums.jsonl"), ...samples("questions.jsonl")],
  passes: ({ target }, answer) => answer.includes(target),
  out,
});
