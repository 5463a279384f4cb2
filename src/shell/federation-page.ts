import type { FederationMembership, FederationService } from './federation.service.ts';
import type { GuardService } from './guard-service.ts';
import { proxy, type WorkerLink } from './remote.ts';

type GuardLink = WorkerLink<GuardService>;

export interface PageParts {
  /** The living guard; another one after it has died. */
  readonly guard: () => Promise<GuardLink>;
  /** A call that `signal` ends. */
  readonly cancellable: <Result>(signal: AbortSignal, ask: (remote: GuardLink['remote'], callId: string) => Promise<Result>) => Promise<Result>;
}

/** A guard that dies is followed by another, which goes on from what was saved; not at once, so that one that dies at its start does not busy the device. */
const againMs = 2000;

/** The page's end of a federation: asks the guard, and listens again where the guard has died. */
export function federationOfPage({ guard, cancellable }: PageParts): FederationService {
  const ask = async <Result>(call: (remote: GuardLink['remote']) => Promise<Result>): Promise<Result> => (await guard()).call(call);

  async function watch(onChange: (membership: FederationMembership | null) => void): Promise<() => void> {
    const watchId = crypto.randomUUID();
    let isOver = false;
    const hear = (membership: FederationMembership | null) => {
      if (!isOver) onChange(membership);
    };
    const listen = async (): Promise<void> => {
      const link = await guard();
      link.onDeath(() => {
        if (!isOver) setTimeout(() => void (isOver ? undefined : listen().catch(() => undefined)), againMs);
      });
      await link.call((remote) => remote.watchFederation(watchId, proxy(hear)));
    };
    await listen();
    return () => {
      isOver = true;
      void ask((remote) => remote.unwatchFederation(watchId)).catch(() => undefined);
    };
  }

  return {
    offer: () => ask((remote) => remote.federationOffer()),
    fit: (projectId, taskHash) => ask((remote) => remote.federationFit(projectId, taskHash)),
    openDealtNotes: (link) => ask((remote) => remote.openDealtNotes(link)),
    preview: (projectId, taskHash, signal) => cancellable(signal, (remote, callId) => remote.previewUpdate(projectId, taskHash, callId)),
    join: (projectId, taskHash, link, epsilonLimit) => {
      // There is something to lose from here on; a browser may say no.
      void navigator.storage.persist().catch(() => false);
      return ask((remote) => remote.joinFederation(projectId, taskHash, link, epsilonLimit));
    },
    leave: () => ask((remote) => remote.leaveFederation()),
    destroyKey: () => ask((remote) => remote.destroyFederationKey()),
    watch,
    receive: () => ask((remote) => remote.receiveModel()),
    sent: () => ask((remote) => remote.federationSent()),
    projector: (token) => ask((remote) => remote.projector(token)),
  };
}
