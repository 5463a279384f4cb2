import type { NodeSettings } from '../federation/node.ts';
import type { Fetch } from '../federation/transport.ts';
import type { ModelReport } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import type { TrainingCrew } from './training-crew.ts';

/** What tests put in the place of the network and the clock's pace. */
export interface FederationOptions {
  readonly send?: Fetch;
  readonly origin?: string;
  readonly storeName?: string;
  readonly settings?: NodeSettings;
  readonly statusMs?: number;
}

export interface FederationGuardParts extends FederationOptions {
  readonly database: BedsideDatabase;
  readonly ledger: LedgerKeeper;
  readonly crew: TrainingCrew;
  readonly encoder: () => Promise<ModelReport>;
  readonly loadEncoder: () => Promise<EncoderFacts>;
}

/** Heartbeats outlast a tab that the browser slows down; a room of thirty asks ten times a second in all. */
export const defaultSettings: NodeSettings = { heartbeatIntervalSeconds: 300, pollMs: 3000 };
export const defaultStatusMs = 5000;
/** Beside the array of an update: heads, names and settings of its objects, as measured. */
export const ENVELOPE_BYTES = 3100;
