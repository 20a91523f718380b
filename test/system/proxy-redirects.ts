import { describe, expect, test } from '@jest/globals';
import { as, problemIn, type ProtectedApi } from './protected-api.ts';

/** What recipes promise whose proxies lead a request from one place to another by themselves. */
export function describeRedirects(api: () => ProtectedApi): void {
  describe('one request is one debit', () => {
    test('when an error page leads into another protected location', async () => {
      const led = await api().installation.customer('led', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().askTricky(as(led, { path: '/missing/page' })));
      expect(answer.status).toBe(200);
      expect(got.map(({ path }) => path)).toEqual(['/missing/page', '/fallback/page']);
      const debits = await api().installation.debits(['--account', 'led']);
      expect(debits).toHaveLength(1);
      expect(got.map(({ headers }) => headers['x-keyctl-debit-id'])).toEqual([debits[0]?.['id'], debits[0]?.['id']]);
    });

    test('when the API sends it to another protected location', async () => {
      const sent = await api().installation.customer('sent', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().askTricky(as(sent, { path: '/elsewhere/fallback/page' })));
      expect(answer.status).toBe(200);
      expect(got.map(({ path }) => path)).toEqual(['/elsewhere/fallback/page', '/fallback/page']);
      expect(await api().installation.debits(['--account', 'sent'])).toHaveLength(1);
    });

    test('when that location is of another service it is a conflict, 409, and the first debit stands', async () => {
      const torn = await api().installation.customer('torn', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().askTricky(as(torn, { path: '/elsewhere/dear/page' })));
      expect(answer.status).toBe(409);
      expect(problemIn(answer)).toMatchObject({ code: 'request_id_conflict', title: 'Conflict' });
      expect(got).toHaveLength(1);
      expect(await api().installation.debits(['--account', 'torn'])).toMatchObject([{ service: 'default', cost: 100 }]);
    });
  });
}
