import { piped } from '../commands/piped-call.ts';

/** A secret of the store, and what it is answered today. */
export interface Filled {
  readonly name: string;
  readonly apiKey: string;
  readonly code: string;
}

const DAY = 86_400_000;

/**
 * Makes a store by the program's own commands, over four days that end now, with something of everything in it: closed days, tiers that
 * changed and that wait, credits given, debits given back, rotations with their caps, keys in every state, denials. It is built together
 * with each schema's program. Prints the secrets with the verdict that each has today.
 */
async function fill(path: string, now: number): Promise<readonly Filled[]> {
  const clock = { now: now - 3 * DAY };
  const run = async (line: string, stdin?: string): Promise<string> => {
    const argv = line.split(' ').map((word) => word.replaceAll('%20', ' '));
    const { code, stdout, stderr } = await piped(argv, { path, clock, ...(stdin === undefined ? {} : { stdin }) });
    if (code !== 0 && code !== 5) throw new Error(`keyctl ${line} exited ${String(code)}: ${stderr}`);
    return stdout.trim();
  };

  const qa = await run('create --name tests --env qa --note the%20test%20suite');
  await run('account create acme --tier standard --external-id 4711');
  const prod = await run('create --account acme --name prod --service default');
  await run('tier create gold --daily-credits 5000');
  await run('account create small --tier gold');
  const main = await run('create --account small --name main --daily-cap 3000');
  await run('service create search --cost 250');
  await run('charge --key prod --requests 500');
  await run('charge --key main --requests 40');
  await run('verify --charge', qa);
  await run('verify --charge --service search', prod);

  clock.now += DAY;
  await run('config set keep-debits 40d');
  await run('config set key-prefix acme');
  await run('env create staging --code stage');
  await run('credit +500 --account small --reason a%20present');
  await run('charge --key prod --requests 20');
  await run(`refund ${(await run('debits --limit 1')).split('\t')[0] ?? ''} --reason ours`);
  const successor = await run('rotate main --grace 7d');
  await run('charge --key main --requests 10');
  await run('reset');

  clock.now += DAY;
  await run('tier set free --account acme');
  await run('disable tests --reason not%20needed');
  const ended = await run('create --account acme --name ended --expires 1h');
  const deleted = await run('create --account acme --name deleted --allow-ip 203.0.113.0/24');
  await run('charge --key deleted --requests 3');
  await run('delete deleted --yes');
  await run('charge --account small --requests 7');
  await run('reset');

  clock.now = now;
  await run('account create late --tier gold');
  const suspended = await run('create --account late --name web');
  await run('charge --key web --requests 5');
  await run('account suspend late --reason unpaid');
  await run('tier edit gold --daily-credits 6000');
  await run('tier set startup --account acme --at-reset');
  await run('account create spent --tier gold');
  const spent = await run('create --account spent --name all');
  await run('charge --key all --requests 60');
  await run('charge --key prod --requests 30');
  await run('charge --key main~1 --requests 12');
  await run('verify --charge', ended);

  return [
    { name: 'small/main', apiKey: successor, code: 'ok' },
    { name: 'small/main~1', apiKey: main, code: 'ok' },
    { name: 'acme/prod', apiKey: prod, code: 'ok' },
    { name: 'default/tests', apiKey: qa, code: 'api_key_disabled' },
    { name: 'acme/ended', apiKey: ended, code: 'api_key_expired' },
    { name: 'acme/deleted', apiKey: deleted, code: 'invalid_api_key' },
    { name: 'late/web', apiKey: suspended, code: 'account_suspended' },
    { name: 'spent/all', apiKey: spent, code: 'insufficient_credits' },
  ];
}

void fill(process.argv[2] ?? '', Date.now()).then((filled) => process.stdout.write(JSON.stringify(filled)));
