import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import type { FederationFit, FederationMembership, FederationOffer, FederationService, UpdatePreview } from '../shell/federation.service.ts';
import { FederationState } from './federation.svelte.ts';
import { ProjectorState } from './projector.svelte.ts';

const nothing = (): never => { throw new Error('Not asked for here.'); };
/** A service of which a test gives the calls it expects; any other one fails. */
const service = (calls: Partial<FederationService>): FederationService => ({ offer: nothing, fit: nothing, openDealtNotes: nothing, preview: nothing, join: nothing, leave: nothing, destroyKey: nothing, watch: nothing, receive: nothing, sent: nothing, projector: nothing, ...calls });
const offer = { taskHash: 'hash' } as FederationOffer;
const fitOf = (projectId: string) => ({ projectId, failure: null }) as FederationFit;
const preview = { spreadBefore: 1 } as UpdatePreview;

describe('a federation that somebody looks at', () => {
  it('is asked for nothing before its first call', () => {
    let made = 0;
    const state = new FederationState(() => { made += 1; return service({}); });
    expect([state.membership, state.isMember, state.isKnown, made]).toEqual([null, false, false, 0]);
  });

  it('is listened to once, and again after a failure', async () => {
    let asked = 0;
    const state = new FederationState(() => service({ watch: (onChange) => {
      asked += 1;
      if (asked === 1) return Promise.reject(new Error('gone'));
      onChange({ phase: 'waiting' } as FederationMembership);
      return Promise.resolve(() => undefined);
    } }));
    await state.watch();
    expect([state.isKnown, state.watchFailure?.code]).toEqual([true, 'internal/unexpected']);
    await Promise.all([state.watch(), state.watch()]);
    expect([asked, state.isMember, state.watchFailure]).toEqual([2, true, null]);
  });

  it('joins with the invitation that came with dealt notes, not with the room', async () => {
    const joined: unknown[] = [];
    const state = new FederationState(() => service({
      offer: () => Promise.resolve(offer), openDealtNotes: () => Promise.resolve({ projectId: 'dealt', invitation: 'seat-seven', seat: 7 }), join: (...given) => { joined.push(given); return Promise.resolve(); },
    }));
    expect(await state.join('p', 1)).toBe(false);
    state.follow({ kind: 'room', token: 'room' });
    await state.loadOffer();
    expect(await state.join('p', 1)).toBe(true);
    expect(await state.deal()).toBe('dealt');
    await state.join('dealt', 2);
    // Another invitation brings no seat along.
    state.follow({ kind: 'seat', token: 'other' });
    await state.join('p', 3);
    expect(joined).toEqual([['p', 'hash', { kind: 'room', token: 'room' }, 1], ['dealt', 'hash', { kind: 'seat', token: 'seat-seven' }, 2], ['p', 'hash', { kind: 'seat', token: 'other' }, 3]]);
  });

  it('forgets the notes of a seat that was refused at joining, and keeps them where something else went wrong', async () => {
    let code = 'federation/unreachable';
    const state = new FederationState(() => service({
      offer: () => Promise.resolve(offer), openDealtNotes: () => Promise.resolve({ projectId: 'dealt', invitation: 'seat-seven', seat: 7 }), join: () => Promise.reject(new BedsideError(code, 'network', 'No.', 'Wait.')),
    }));
    state.follow({ kind: 'room', token: 'room' });
    await state.loadOffer();
    await state.deal();
    expect([await state.join('dealt', 1), state.dealing.value?.seat]).toEqual([false, 7]);
    code = 'federation/turned-away';
    expect([await state.join('dealt', 1), state.dealing.value, state.joinFailure?.code]).toEqual([false, null, code]);
  });

  it('forgets what was drawn of other notes, and what is drawn no longer', async () => {
    let draw = (_: UpdatePreview): void => undefined;
    const aborted: boolean[] = [];
    const state = new FederationState(() => service({
      offer: () => Promise.resolve(offer), fit: (projectId) => Promise.resolve(fitOf(projectId)),
      preview: (_id, _hash, signal) => new Promise((resolve) => { draw = resolve; signal.addEventListener('abort', () => aborted.push(true)); }),
    }));
    await state.loadOffer();
    await state.loadFit('a');
    const first = state.drawPreview('a');
    expect(state.preview.kind).toBe('busy');
    await state.loadFit('b');
    expect(state.preview.kind).toBe('none');
    draw(preview);
    await first;
    expect([state.preview.kind, aborted]).toEqual(['none', [true]]);
    const second = state.drawPreview('b');
    draw(preview);
    await second;
    expect(state.preview).toEqual({ kind: 'done', projectId: 'b', preview });
  });

  it('says why leaving failed, and can be left again', async () => {
    let times = 0;
    const state = new FederationState(() => service({ leave: () => (times++ === 0 ? Promise.reject(new Error('disk')) : Promise.resolve(true)) }));
    await state.leave();
    expect([state.leaveFailure?.code, state.isLeaving]).toEqual(['internal/unexpected', false]);
    await state.leave();
    expect(state.leaveFailure).toBeNull();
  });
});

describe('a wall', () => {
  it('looks less often where nothing will change, and never twice at once', async () => {
    let asked = 0;
    let answer = (_: 'training' | 'finished'): void => undefined;
    const projector = new ProjectorState(service({ projector: () => {
      asked += 1;
      return new Promise((resolve) => { answer = (state) => resolve({ status: { state } } as Awaited<ReturnType<FederationService['projector']>>); });
    } }), 'token');
    const looks = [projector.refresh(), projector.refresh()];
    answer('training');
    await Promise.all(looks);
    const often = projector.pauseMs;
    const next = projector.refresh();
    answer('finished');
    await next;
    expect(asked).toBe(2);
    expect(projector.pauseMs).toBeGreaterThan(2 * often);
  });
});
