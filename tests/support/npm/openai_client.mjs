// The official client on a running server: node openai_client.mjs BASE_URL MODEL. Prints what it got
// as one line of JSON; tests/e2e/e2e_clients.py compares.
import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const result = {};
const input = ["the king", "the queen"];

result.models = (await client.models.list()).data.map((entry) => entry.id);
result.model = (await client.models.retrieve(model)).id;
// The client asks for base64 unless told otherwise, and decodes it itself.
result.vectors = (await client.embeddings.create({ model, input })).data.map((row) =>
  Array.from(row.embedding),
);
const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
result.plain = plain.data.map((row) => row.embedding);
result.usage = plain.usage;
const short = await client.embeddings.create({ model, input: input[0], dimensions: 2 });
result.short = short.data[0].embedding.length;
for (const [name, request] of Object.entries({
  unknown_model: { model: "nothing", input },
  token_lists: { model, input: [[791, 11734]] },
  empty: { model, input: [] },
})) {
  try {
    await client.embeddings.create(request);
    result[name] = "no error";
  } catch (error) {
    result[name] = {
      kind: error.constructor.name,
      status: error.status,
      code: error.code,
      type: error.type,
      param: error.param,
      message: error.message,
      request_id: error.requestID,
    };
  }
}
console.log(JSON.stringify(result));
