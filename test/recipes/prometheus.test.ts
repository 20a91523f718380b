import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { VERDICT_STATUS } from '../../src/domain/verdict.ts';
import { Served } from '../http/served.ts';
import { page } from '../markdown.ts';

// Every metric and label in the alert rules is there in what a real server says after real traffic. promtool tries them in test/system.

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(page('recipes/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);
/** What Prometheus itself adds to every series that it scrapes. */
const OF_PROMETHEUS = ['job', 'instance'];

interface Use {
  readonly metric: string;
  /** What its series have to have, with the value where one is asked for. */
  readonly labels: Readonly<Record<string, string | null>>;
}

/** The metrics of an expression, each with the labels that it is chosen or grouped by. */
function usesIn(expr: string): Use[] {
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */));
  return [...expr.matchAll(/\b([a-z]\w*_\w+)\b(?:\{([^}]*)\})?(?! *\()/g)].map(([, metric = '', matchers = '']) => ({
    metric,
    labels: Object.fromEntries([
      ...grouped.map((name) => [name, null]),
      ...[...matchers.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    ]) as Record<string, string | null>,
  }));
}

let served: Served;
let series: { readonly metric: string; readonly labels: Readonly<Record<string, string>> }[] = [];

beforeAll(async () => {
  served = await Served.start();
  const { apiKey } = await served.key();
  await served.verify(apiKey);
  await served.verify('nonsense');
  await served.verify(apiKey, '/verify/no-such-service');
  const { body } = await served.ask('/metrics');
  series = body.split('\n').flatMap((line) => {
    const [, metric, labels = ''] = /^([a-z]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]);
    return metric === undefined ? [] : [{ metric, labels: Object.fromEntries(pairs) as Record<string, string> }];
  });
});

afterAll(() => served.end());

describe('recipes/prometheus/alerts.yml', () => {
  test('is about what can go wrong: a late reset, 503s, slow commits, a long queue', () => {
    const used = RULES.flatMap(({ expr }) => usesIn(expr)).map(({ metric, labels }) => `${metric} ${labels['code'] ?? ''}`.trim());
    expect(used).toEqual(
      expect.arrayContaining([
        'keyctl_closed_until_timestamp_seconds',
        'keyctl_verdicts_total store_unavailable',
        'keyctl_settle_seconds_bucket',
        'keyctl_queue_depth',
      ]),
    );
    expect(new Set(RULES.map(({ alert }) => alert)).size).toBe(RULES.length);
  });

  test.each(RULES.map((rule) => [rule.alert, rule] as const))('%s asks for what is there', (_, { expr, labels, annotations }) => {
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(Object.keys(annotations)).toEqual(['summary', 'description']);
    const uses = usesIn(expr.replaceAll(/\bup\{job="keyctl"\}/g, ''));
    if (!expr.startsWith('up{')) expect(uses).not.toEqual([]);
    for (const { metric, labels: asked } of uses) {
      const there = series.filter((one) => one.metric === metric);
      const own = Object.entries(asked).filter(([name]) => !OF_PROMETHEUS.includes(name));
      const fitting = there.filter((one) =>
        own.every(([name, value]) => name in one.labels && (value === null || one.labels[name] === value)),
      );
      expect({ metric, asked, fitting: fitting.length > 0 }).toEqual({ metric, asked, fitting: true });
      if (typeof asked['code'] === 'string') expect(Object.keys(VERDICT_STATUS)).toContain(asked['code']);
    }
  });

  test('has a case that fires and one that does not for each alert', () => {
    interface Case {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }
    const { tests } = parse(page('test/system/prometheus/alerts.yml')) as { tests: { alert_rule_test: Case[] }[] };
    const cases = tests.flatMap((one) => one.alert_rule_test);
    for (const { alert } of RULES) {
      const told = cases.filter(({ alertname }) => alertname === alert).map((one) => one.exp_alerts.length > 0);
      expect({ alert, told: [...new Set(told)].sort() }).toEqual({ alert, told: [false, true] });
    }
  });
});

test('docs/http.md has every metric of our own, and no other', () => {
  const listed = [...page('docs/http.md').matchAll(/^\| `(keyctl_\w+)` \|/gm)].map(([, name]) => name);
  const there = series.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')).filter((name) => name.startsWith('keyctl_'));
  expect([...listed].sort()).toEqual([...new Set(there)].sort());
});
