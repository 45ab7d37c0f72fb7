import test from 'ava';
import { runOfAttempt } from './runs.ts';

test('the run of an attempt is the UUIDv5 that RFC 9562 gives for the scan and the attempt', (t) => {
  const scanId = '01932c07-209c-7abc-8def-0123456789ab';
  t.is(runOfAttempt(scanId, 1), '231652b0-5acc-54d8-ac17-852ab305598f');
  t.is(runOfAttempt(scanId, 2), 'fd31e526-f897-510f-b6fa-ecdc6d92af97');
});
