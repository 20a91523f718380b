import { setTimeout as wait } from 'node:timers/promises';
import { MS_PER_DAY } from '../src/domain/utc-day.ts';

// Real programs go by the host's clock, and a test of theirs asks what they did today: a file of tests that would have 00:00 UTC in its
// middle begins after it. What happens at midnight itself is shown where the clock is the test's.

const LONGEST_FILE_MS = 180_000;

const left = MS_PER_DAY - (Date.now() % MS_PER_DAY);
if (left < LONGEST_FILE_MS) await wait(left);
