import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '../harness.ts';
import { ask, type Answer } from '../system/http-client.ts';
import { Counterpart, type Holder } from './counterpart.ts';
import { close, listen, problemIn, startLossy, type ProtectedApp, type StartApp } from './protected-app.ts';

const TOKEN = 'forty-letters-that-only-the-two-may-know';

/** What the recipes for frameworks of Node do when keyctl does not answer. `recipe` is the path of the file. */
export function describeOutage(recipe: string, startApp: StartApp): void {
  describe(`${recipe}, without an answer of keyctl`, () => {
    let keyctl: Counterpart;
    let app: ProtectedApp;

    beforeAll(async () => {
      keyctl = await Counterpart.start(recipe);
      app = await startApp({ url: keyctl.url });
    });

    afterAll(async () => {
      await app.stop();
      await keyctl.end();
    });

    const things = ({ port }: ProtectedApp, holder: Holder | null): Promise<Answer> =>
      ask(port, { path: '/things', headers: holder === null ? {} : { 'X-API-Key': holder.apiKey } });

    const unavailable = (answer: Answer): void => {
      expect(answer.status).toBe(503);
      expect(problemIn(answer)).toMatchObject({ code: 'store_unavailable', title: 'Service Unavailable' });
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.headers['www-authenticate']).toBeUndefined();
    };

    test('asks again when an answer is lost, and the customer is charged once', async () => {
      const lossy = await startLossy(keyctl.port, 1);
      const beside = await startApp({ url: lossy.url });
      try {
        const unlucky = await keyctl.holder('unlucky');
        expect(await things(beside, unlucky)).toMatchObject({ status: 200, body: 'things' });
        expect(lossy.asked()).toBe(2);
        expect(await keyctl.debits('unlucky')).toHaveLength(1);
        expect(beside.seen.at(-1)?.keyctl).toMatchObject({ replayed: true });
      } finally {
        await beside.stop();
        await lossy.stop();
      }
    });

    test.each([
      ['without a token', '', 503],
      ['with another one', 'another', 503],
      ['with the right one', TOKEN, 200],
    ])('where keyctl wants a token, %s', async (_, token, status) => {
      const folder = temporaryFolder();
      const file = join(folder.path, 'token');
      writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
      const guarded = await Counterpart.start(recipe, ['--token-file', file]);
      const beside = await startApp({ url: guarded.url, token });
      try {
        const answer = await things(beside, await guarded.holder('guarded'));
        if (status === 200) expect(answer).toMatchObject({ status, body: 'things' });
        else unavailable(answer);
        expect(await guarded.debits()).toHaveLength(status === 200 ? 1 : 0);
        expect(beside.log()).not.toContain(TOKEN);
      } finally {
        await beside.stop();
        await guarded.end();
        folder.cleanUp();
      }
    });

    test.each(['{}', 'null', '"ok"', '{"valid":"true"}', '<html>'])(
      'where something else answers 200 and %s, nobody passes',
      async (body) => {
        const other = createServer((_, res) => void res.end(body));
        const beside = await startApp({ url: `http://127.0.0.1:${String(await listen(other))}` });
        try {
          const answer = await ask(beside.port, { path: '/things', headers: { 'X-API-Key': 'a key' } });
          expect(answer.status).toBe(503);
          expect(problemIn(answer)).toMatchObject({ code: 'store_unavailable' });
          expect(beside.seen).toEqual([]);
        } finally {
          await beside.stop();
          await close(other);
        }
      },
    );

    test('nobody passes while keyctl hangs or is down, with a key or without', async () => {
      const holder = await keyctl.holder('waiting');
      const before = app.seen.length;
      keyctl.signal('SIGSTOP');
      unavailable(await things(app, holder));
      keyctl.signal('SIGCONT');
      await keyctl.down();
      unavailable(await things(app, holder));
      unavailable(await things(app, null));
      expect(app.seen).toHaveLength(before);
      expect((await ask(app.port, { path: '/free' })).status).toBe(200);
    });
  });
}
