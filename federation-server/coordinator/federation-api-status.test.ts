import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReleases, readStatus, saysRoundIsOver, type Release } from '../../src/federation/status.ts';
import { gaussianEpsilon } from '../../src/privacy/gaussian.ts';
import { carryOver } from './run-status.ts';
import { makeKey, Scene, taskHash } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => { scene = await Scene.start(); });
afterEach(() => scene.stop());

const json = (body: Buffer): unknown => JSON.parse(body.toString('utf8'));

/** Written as the ServerApp does. */
function release(version: number, content: Buffer): Release {
  writeFileSync(join(scene.outFolder, `release-${version}.npy`), content);
  return { version, round: version, sha256: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length, signature: 'A'.repeat(128) };
}

function writeReleases(releases: readonly Release[]): void {
  writeFileSync(join(scene.outFolder, 'releases.json'), JSON.stringify({ task: 'ab', releases }));
}

describe('GET /federation/status', () => {
  const status = async () => json((await scene.call('GET', '/federation/status')).body) as { state: string; round: number | null; epsilon: { spent: number; total: number }; model: unknown; participants: object; rounds: object[] };
  const write = (value: object) => writeFileSync(join(scene.outFolder, 'status.json'), JSON.stringify({ state: 'waiting', round: null, nodes: 0, rounds: [], initialAccuracy: null, centralEpsilon: null, ...value }));
  const round = (number: number) => ({ round: number, isCounted: true, isKept: true, accepted: 2, dropped: 1, seconds: 3.5, deviceSeconds: 6, accuracy: { correct: 3, total: 4 } });

  it('before the first round', async () => {
    await scene.member();
    expect(await status()).toMatchObject({ state: 'starting', round: null, rounds: [], model: null, epsilon: { spent: 0 }, participants: { seats: 3, enrolled: 1, left: 0, present: 1, asked: 0, needed: 2 } });
    write({});
    expect((await status()).state).toBe('waiting');
  });

  it('in a round, which counts as spent: epsilon of one Gaussian a round', async () => {
    write({ state: 'training', round: 2, nodes: 3, rounds: [round(1)] });
    const { epsilon, ...rest } = await status();
    expect(rest).toMatchObject({ state: 'training', round: 2, participants: { asked: 3 }, rounds: [round(1)] });
    // Two Gaussians of mu 1/4 are one of sqrt(2)/4; the sum of squares may differ by rounding.
    expect(epsilon.spent).toBeCloseTo(gaussianEpsilon(Math.SQRT2 / 4, 1e-5), 12);
    expect(epsilon.total).toBeCloseTo(gaussianEpsilon(Math.sqrt(3) / 4, 1e-5), 12);
  });

  it('of a command that is started again has the rounds of before at once, and the one that was cut off as over: nobody is to pay for it any more', async () => {
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'starting', rounds: [], epsilon: { spent: 0 } });
    write({ state: 'training', round: 2, nodes: 3, rounds: [round(1)] });
    for (let starts = 0; starts < 2; starts++) {
      carryOver(scene.outFolder);
      const told = readStatus(json((await scene.call('GET', '/federation/status')).body) as Readonly<Record<string, unknown>>);
      expect(told).toMatchObject({ state: 'starting', round: null, rounds: [round(1), { round: 2, isCounted: false, isKept: false }], participants: { asked: 0 } });
      expect([told.rounds.length, saysRoundIsOver(told, taskHash, 2), saysRoundIsOver(told, taskHash, 3)]).toEqual([2, true, false]);
      expect(told.epsilon.spent).toBeCloseTo(gaussianEpsilon(Math.SQRT2 / 4, 1e-5), 12);
    }
    write({ state: 'finished', rounds: [round(1), round(2), round(3)] });
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'finished', rounds: [{}, {}, {}] });
  });

  it.each(['', '{"state": "trai', 'null', '{}'])('of a command that is started again over a file that a failing disk has spoilt (%j) is that of a start', async (content) => {
    writeFileSync(join(scene.outFolder, 'status.json'), content);
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'starting', rounds: [], epsilon: { spent: 0 } });
  });

  it('at the end, and where the ServerApp is gone before it', async () => {
    write({ state: 'finished', rounds: [round(1), round(2), round(3)] });
    scene.supervised = 'ended';
    expect(await status()).toMatchObject({ state: 'finished', round: null });
    write({ state: 'training', round: 3, nodes: 2, rounds: [round(1), round(2)] });
    for (const supervised of ['ended', 'failed'] as const) {
      scene.supervised = supervised;
      const { epsilon, ...rest } = await status();
      expect(rest).toMatchObject({ state: 'failed', round: null, participants: { asked: 0 } });
      // The round that was cut off counts: devices may have paid for it.
      expect(epsilon.spent).toBe(epsilon.total);
    }
  });
});

describe('GET /federation/model', () => {
  it('is the newest release, for members, once there is one of the hash that was signed', async () => {
    const key = await scene.member();
    const get = (signer = key) => {
      scene.nowMs += 1000;
      return scene.call('GET', '/federation/model', signer.callHeaders(scene.nowMs, 'GET /federation/model'));
    };
    expect(await get()).toMatchObject({ status: 404, reason: 'no-model' });
    const [first, second] = ['npy 0', 'npy 1'].map((text, version) => release(version, Buffer.from(text)));
    writeReleases([first!, second!]);
    const answer = await get();
    expect([answer.status, answer.headers['etag'], answer.body.toString()]).toEqual([200, `"${second!.sha256}"`, 'npy 1']);
    expect(await get(makeKey())).toMatchObject({ status: 403, reason: 'not-enrolled' });
    expect(await scene.call('GET', '/federation/model')).toMatchObject({ status: 401 });
    writeFileSync(join(scene.outFolder, 'release-1.npy'), 'another');
    expect(await get()).toMatchObject({ status: 404, reason: 'no-model' });
  });
});

describe('GET /federation/releases', () => {
  it('lists what was let out, for anybody, as clients read it; the status has the newest', async () => {
    const list = async () => readReleases(json((await scene.call('GET', '/federation/releases')).body) as Record<string, unknown>);
    expect(await list()).toEqual([]);
    expect(json((await scene.call('GET', '/federation/status')).body)).toMatchObject({ model: null, central: null, initialAccuracy: null });
    const releases = [release(0, Buffer.from('a')), release(1, Buffer.from('b'))];
    writeReleases(releases);
    expect(await list()).toEqual(releases);
    const status = readStatus(json((await scene.call('GET', '/federation/status')).body) as Record<string, unknown>);
    expect(status.model).toEqual(releases[1]);
  });
});
