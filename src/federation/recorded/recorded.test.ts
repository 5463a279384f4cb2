import { describe, expect, it } from 'vitest';
import { golden } from '../testing/golden.ts';
import { checkAuth } from './auth.ts';
import { checkCall } from './exchange.ts';
import { checkIds, checkMessage, checkValues } from './messages.ts';
import { checkObjects } from './objects.ts';
import { wireParts } from './parts.ts';
import type { RecordedWire, WireCheck } from './wire.ts';

const parts = await wireParts(golden.auth, crypto.subtle, Date.parse);

function expectAgreement(checks: readonly WireCheck[]): void {
  expect(checks.map(({ field, found }) => ({ field, value: found }))).toEqual(checks.map(({ field, recorded }) => ({ field, value: recorded })));
  expect(checks.length).toBeGreaterThan(0);
}
const fields = (checks: readonly WireCheck[]) => [...new Set(checks.map(({ field }) => field))].sort();

describe('what flwr wrote', () => {
  it('ids of 64 bits keep every digit', () => {
    expectAgreement(checkIds(golden));
    expect(fields(checkIds(golden))).toEqual(Object.keys(golden.ids).sort());
  });

  it('values are read and written with every bit', () => {
    expectAgreement(checkValues(golden));
    expect(fields(checkValues(golden))).toEqual(Object.keys(golden.values).sort());
  });

  it.each(Object.keys(golden.objects))('the objects of the %s are taken apart and built byte for byte', async (name) => { expectAgreement(await checkObjects(golden, name, parts.sha256)); });

  it.each(Object.entries(golden.protobuf))('%s comes out byte for byte', (name, hex) => { expectAgreement(checkMessage(name, hex)); });

  it('keys, times, headers and signatures have the recorded form and hold', async () => {
    const checks = await checkAuth(golden.auth, parts);
    expectAgreement(checks);
    expect(fields(checks)).toEqual(Object.keys(golden.auth).sort());
  });
});

describe('one node\'s whole life, recorded', () => {
  it.each(golden.exchange.map((call, index) => [index, call.path, call] as const))('call %i, %s, is made again: the same body and headers, the recorded answer or refusal understood', async (_, __, call) => {
    const checks = await checkCall(golden, call, parts);
    expectAgreement(checks);
    expect(fields(checks)).toEqual(Object.keys(call).sort());
  });
});

describe('a change', () => {
  const disagree = (checks: readonly WireCheck[]) => fields(checks.filter(({ found, recorded }) => found !== recorded));
  const call = golden.exchange[1]!;

  it('is told by the field that it is in', async () => {
    const changed = (change: Partial<RecordedWire>): RecordedWire => ({ ...golden, ...change });
    expect(disagree(checkIds(changed({ ids: { ...golden.ids, run_id: `${golden.ids.run_id}0` } })))).toEqual(['run_id']);
    expect(disagree(checkValues(changed({ values: { ...golden.values, config: { ...golden.values.config, d: 0.25 } } })))).toEqual(['config']);
    expect(disagree(await checkObjects(changed({ objects: { ...golden.objects, error_reply: { ...golden.objects.error_reply, code: 3 } } }), 'error_reply', parts.sha256))).toEqual(['code', 'message_id', 'post_order']);
    expect(disagree(await checkAuth({ ...golden.auth, timestamp: golden.auth.timestamp.replace('02:00', '03:00') }, parts))).toEqual(['der_hex', 'headers']);
    expect(disagree(await checkCall(golden, { ...call, request_hex: `${call.request_hex}9801ff01` }, parts))).toEqual(['request_hex', 'status']);
    expect(disagree(await checkCall(golden, { ...golden.exchange[0]!, status: 503 }, parts))).toEqual(['response_json']);
    expect(disagree(checkMessage('RegisterNodeFleetResponse', '08019801ff01'))).toEqual(['hex']);
    expect(disagree(checkMessage('Unknown', ''))).toEqual(['hex']);
    expect(disagree(await checkCall(golden, { ...call, path: '/v1/fleet/unknown' }, parts))).toEqual(['path']);
  });
});
