import { jest } from '@jest/globals';
import pg from 'pg';
import { Statements, type Statement } from '../../src/stores/postgres/statements.ts';

/** Every statement that is sent to a server while the act runs, by whatever connection of this process. */
export async function sentBy(act: () => Promise<unknown>): Promise<readonly Statement[]> {
  const spy = jest.spyOn(pg.Client.prototype, 'query');
  try {
    await act();
    return spy.mock.calls.flatMap(([query]: readonly unknown[]) => {
      if (query instanceof Statements) return query.statements;
      return [typeof query === 'string' ? { text: query } : (query as Statement)];
    });
  } finally {
    spy.mockRestore();
  }
}
