// OpenAI's client for Node against a speech model: speech.cjs BASE_URL MODEL OUT

const fs = require("node:fs");

const { client, clip, rows, samples } = require("./harness.cjs");

const [baseURL, model, out] = process.argv.slice(2);
const openai = client(baseURL);
const options = { model, language: "en", temperature: 0 };

const whole = async (sample) => {
  const file = fs.createReadStream(clip(sample));
  return (await openai.audio.transcriptions.create({ ...options, file })).text;
};

const streamed = async (sample) => {
  const file = fs.createReadStream(clip(sample));
  let text = "";
  let done;
  for await (const event of await openai.audio.transcriptions.create({
    ...options,
    file,
    stream: true,
  })) {
    if (event.type === "transcript.text.delta") text += event.delta;
    else done = event.text;
  }
  if (text.trim() !== done) throw new Error(`the pieces are ${text}, the end has ${done}`);
  return done;
};

rows({
  ways: { transcription: whole, "transcription, streamed": streamed },
  chosen: samples("speech.jsonl").filter((sample) => sample.language === "en"),
  passes: ({ target }, answer) => answer.toLowerCase().includes(target.toLowerCase()),
  out,
});
