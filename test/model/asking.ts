import { digestApiKey } from '../../src/domain/api-key.ts';
import { DenialTally } from '../../src/domain/denial-tally.ts';
import { debitId, parseDebitId } from '../../src/domain/debit.ts';
import type { Request, Subject } from '../../src/domain/decide.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { same } from './comparing.ts';
import type { ModelAccount } from './model.ts';
import type { Asked } from './steps.ts';
import { ask, type Answer, type Question } from './verdicts.ts';
import type { World } from './world.ts';

function questionOf(world: World, { who, ...rest }: Asked): Question {
  switch (who.kind) {
    case 'secret':
      return { ...rest, who: world.key(who.which), fromShell: false };
    case 'key':
      return { ...rest, who: world.key(who.which) };
    case 'account':
      return { ...rest, who: world.account(who.which) };
    default:
      return { ...rest, who: who.kind };
  }
}

function requestOf(world: World, { who, ...asked }: Asked, { who: found, fromShell }: Question): Request {
  const { rule: requestIdRule, ...rest } = asked;
  return { ...rest, requestIdRule, fromShell, subject: subjectOf(world, who.kind, found) };
}

function subjectOf(world: World, kind: Asked['who']['kind'], found: Question['who']): Subject {
  if (typeof found === 'object') {
    if (kind === 'secret' && 'chain' in found) return { kind: 'digest', digest: digestApiKey(world.secrets.get(found.id) ?? '') };
    return 'chain' in found ? { kind: 'key', ref: found.ref } : { kind: 'account', ref: found.ref };
  }
  return found === 'unknown' ? { kind: 'digest', digest: 'ab'.repeat(32) } : { kind: found };
}

/** A verdict as the model gives it, without its words. */
function expected(answer: Answer): Omit<Verdict, 'message'> {
  const { debit, ...rest } = answer;
  return { ...rest, valid: answer.code === 'ok', debitId: debit === null ? null : debitId(debit) } as Omit<Verdict, 'message'>;
}

function withoutWords({ message: _, ...verdict }: Verdict): Omit<Verdict, 'message'> {
  return verdict;
}

/** Asks the store and the model, first what would be, of the connection that only reads, and then what is. */
export async function askBoth(world: World, on: 0 | 1, asked: readonly Asked[]): Promise<void> {
  const { model } = world;
  const questions = asked.map((one) => questionOf(world, one));
  const requests = asked.map((one, place) => requestOf(world, one, questions[place] ?? questionOf(world, one)));
  const newest = model.debits.at(-1)?.number ?? 0;
  const previewed = await world.store(2).preview(requests);
  const imagined = imagining(world, () => questions.map((question) => ask(model, question)));
  const made = imagined.map((answer) => (answer.debit !== null && answer.debit > newest ? { ...answer, debit: null } : answer));
  same(
    previewed.map(({ verdict }) => withoutWords(verdict)),
    made.map(expected),
  );
  const verdicts = await world.store(on).settle(requests);
  if (world.skipsNumbers) model.nextNumber = firstMade(verdicts);
  const answers = questions.map((question) => ask(model, question));
  same(verdicts.map(withoutWords), answers.map(expected));
  await countDenials(world, on, requests, verdicts);
}

/** The number of the first debit that was made; 0 for none. */
function firstMade(verdicts: readonly Verdict[]): number {
  const made = verdicts.find(({ valid, replayed, debitId: id }) => valid && !replayed && id !== null);
  return parseDebitId(made?.debitId ?? '') ?? 0;
}

/** Denials are counted by whoever was asked, and stored later; dry runs count nowhere. */
async function countDenials(world: World, on: 0 | 1, requests: readonly Request[], verdicts: readonly Verdict[]): Promise<void> {
  const tally = new DenialTally();
  const { now: at, denials } = world.model;
  for (const [place, verdict] of verdicts.entries()) {
    if (verdict.valid || requests[place]?.dryRun === true) continue;
    tally.add(verdict, requests[place]?.ip ?? null, at);
    denials.push({ at, account: verdict.account, keyId: verdict.keyId, service: verdict.service, code: verdict.code });
  }
  await world.store(on).write((tx) => tx.usage.addDenials(tally.take()));
}

/** Asks the model, and takes back whatever the answers changed in it. */
function imagining<Result>({ model }: World, act: () => Result): Result {
  const debits = model.debits.length;
  const before = model.accounts.map((account) => ({
    account,
    ...{ opened: new Map(account.opened), arrivals: new Map(account.arrivals) },
    requestIds: new Map([...account.requestIds].map(([id, charge]) => [id, { ...charge }] as const)),
  }));
  const result = act();
  model.debits.splice(debits);
  for (const { account, opened, arrivals, requestIds } of before) {
    putBack(account.opened, opened);
    putBack(account.arrivals, arrivals);
    putBack<string, ModelAccount['requestIds'] extends Map<string, infer Charge> ? Charge : never>(account.requestIds, requestIds);
  }
  return result;
}

function putBack<Key, Value>(map: Map<Key, Value>, before: ReadonlyMap<Key, Value>): void {
  map.clear();
  for (const [key, value] of before) map.set(key, value);
}
