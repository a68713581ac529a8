// Judges messages with the library of the specification's authors: reads one a
// line as JSON {secret, headers, body, now}, now in seconds since 1970, and
// writes for each {taken, signature, error}: whether it is taken, and what the
// library itself would have signed it with.
"use strict";

const readline = require("node:readline");
const { Webhook } = require("standardwebhooks");

function judge({ secret, headers, body, now }) {
  Date.now = () => now * 1000; // the library reads the clock itself
  try {
    const webhook = new Webhook(secret);
    const at = new Date(Number(headers["webhook-timestamp"]) * 1000);
    const signature = webhook.sign(headers["webhook-id"], at, body);
    try {
      webhook.verify(body, headers);
      return { taken: true, signature };
    } catch (error) {
      return { taken: false, signature, error: error.message };
    }
  } catch (error) {
    return { taken: false, error: error.message };
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(judge(JSON.parse(line))) + "\n");
});
