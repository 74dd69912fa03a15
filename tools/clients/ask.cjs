// Asks a server with OpenAI's client for Node.
//     NODE_PATH=…/node_modules node ask.cjs URL KEY
const { OpenAI } = require("openai");

const [url, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "one two three" }];

const whole = async (model = "echo") =>
  (await client.chat.completions.create({ model, messages })).choices[0].message.content;

const stream = async () => {
  let text = "";
  for await (const chunk of await client.chat.completions.create({
    model: "echo",
    messages,
    stream: true,
  })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  return text;
};

const recording = async () => {
  const file = new File(["turn on the light"], "a.txt");
  return (await client.audio.transcriptions.create({ model: "lines", file })).text;
};

const main = async () => {
  console.log(`whole\t${await whole()}`);
  console.log(`stream\t${await stream()}`);
  const refused = await whole("nobody").catch((error) => `${error.status} ${error.code}`);
  console.log(`unknown model\t${refused}`);
  console.log(`recording\t${await recording()}`);
  const sent = Array.from({ length: 20 }, (_, at) => (at % 2 ? whole() : stream()));
  console.log(`twenty at once\t${[...new Set(await Promise.all(sent))].join(" | ")}`);
};

main();
