// Receives keyctl's alerts: checks who sent a message, acts on each once, and answers. Node 20 or later, no packages.
//
//   keyctl alert set http://127.0.0.1:9090/keyctl --out alerts.secret
//   node receiver.js alerts.secret alerts.seen 9090
//   keyctl alert test
//
// Messages are those of Standard Webhooks (standardwebhooks.com): its libraries check them as well, in most languages.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';

const [secretFile, seenFile = 'alerts.seen', port = '9090'] = process.argv.slice(2);
if (secretFile === undefined) throw new Error('usage: node receiver.js SECRET-FILE [SEEN-FILE] [PORT]');

const MOST_BYTES = 100_000;
const MOST_SECONDS_OFF = 300;

// While the secret is being changed there may be two, a line each.
const keys = readFileSync(secretFile, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('whsec_'))
  .map((line) => Buffer.from(line.trim().slice('whsec_'.length), 'base64'));
if (keys.length === 0) throw new Error('there is no secret in the file; it begins with whsec_');

// A message may come again, after a restart too: whose id stands here has been acted on.
const seen = new Set(existsSync(seenFile) ? readFileSync(seenFile, 'utf8').split('\n') : []);
const seenLog = openSync(seenFile, 'a', 0o600);
const underWay = new Set();

// This is the place for what you want: a mail to the customer, a line in a chat, a call for whoever is on duty.
async function act({ type, data }) {
  switch (type) {
    case 'credits.threshold_reached':
      console.log(`${data.account.name} has spent ${data.threshold} % of its credits of ${data.day}; ${data.remaining} remain.`);
      break;
    case 'key.expires_soon':
      console.log(`The key ${data.account.name}/${data.key.name} ends at ${data.expiresAt}.`);
      break;
    case 'webhook.test':
      console.log(`A test: ${data.message}`);
      break;
    default:
    // A later keyctl may tell of more; who knows nothing of it leaves it alone.
  }
}

function isFromKeyctl(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (id === undefined || signatures === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  // An old message that somebody has kept is not taken again, even if it was signed.
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > MOST_SECONDS_OFF) return false;
  const expected = keys.map((key) => createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest());
  return signatures
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .some((given) => expected.some((own) => given.length === own.length && timingSafeEqual(given, own)));
}

// Whatever is answered but 2xx, and no answer, makes keyctl send the message again later.
async function receive(headers, body) {
  if (!isFromKeyctl(headers, body)) return 401;
  const id = headers['webhook-id'];
  if (seen.has(id)) return 204;
  if (underWay.has(id)) return 503;
  underWay.add(id);
  try {
    await act(JSON.parse(body.toString('utf8')));
    writeSync(seenLog, `${id}\n`);
    fsyncSync(seenLog);
    seen.add(id);
    return 204;
  } finally {
    underWay.delete(id);
  }
}

const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  const pieces = [];
  let length = 0;
  request.on('data', (piece) => {
    length += piece.length;
    if (length > MOST_BYTES) request.destroy();
    else pieces.push(piece);
  });
  request.on('end', () => {
    if (request.method !== 'POST') return answer(405);
    receive(request.headers, Buffer.concat(pieces)).then(answer, (error) => {
      console.error(error);
      answer(500);
    });
  });
});

server.listen(Number(port), '127.0.0.1', () => console.log(`Waiting for alerts on http://127.0.0.1:${server.address().port}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close(() => {
      closeSync(seenLog);
    });
    server.closeIdleConnections();
  });
}
