/** The ten calls of Flower's Fleet API that a node makes. */
import type { ReleaseReason } from '../privacy/doors.ts';
import {
  activateRequest, confirmRequest, empty, heartbeatAnswer, heartbeatRequest, node, pullMessagesAnswer, pullMessagesRequest, pullObjectAnswer, pullObjectRequest,
  pushMessagesAnswer, pushMessagesRequest, pushObjectAnswer, pushObjectRequest, registerRequest,
} from './codec/messages.ts';
import type { Table } from './codec/table.ts';
import { CHUNK_BYTES } from './arrays.ts';

export interface Endpoint<Request, Answer> {
  readonly name: string;
  readonly request: Table<Request>;
  readonly answer: Table<Answer>;
  readonly maximumRequestBytes: number;
  readonly maximumAnswerBytes: number;
  /** Why what it sends may leave. */
  readonly reason: ReleaseReason;
}

const SMALL = 4096;
const MESSAGES = 65_536;
/** One chunk, the head of its object and the fields around it. */
const OBJECT = CHUNK_BYTES + 65_536;

function endpoint<Request, Answer>(name: string, request: Table<Request>, answer: Table<Answer>, maximumRequestBytes = SMALL, maximumAnswerBytes = SMALL, reason: ReleaseReason = 'public'): Endpoint<Request, Answer> {
  return { name, request, answer, maximumRequestBytes, maximumAnswerBytes, reason };
}

export const endpoints = {
  register: endpoint('register-node', registerRequest, node),
  activate: endpoint('activate-node', activateRequest, node),
  deactivate: endpoint('deactivate-node', node, empty),
  unregister: endpoint('unregister-node', node, empty),
  heartbeat: endpoint('send-node-heartbeat', heartbeatRequest, heartbeatAnswer),
  pullMessages: endpoint('pull-messages', pullMessagesRequest, pullMessagesAnswer, SMALL, MESSAGES),
  pullObject: endpoint('pull-object', pullObjectRequest, pullObjectAnswer, SMALL, OBJECT),
  confirm: endpoint('confirm-message-received', confirmRequest, empty),
  pushMessages: endpoint('push-messages', pushMessagesRequest, pushMessagesAnswer, MESSAGES, MESSAGES),
  // Made of the released update; the others hold what the server gave, the key's public half and the time.
  pushObject: endpoint('push-object', pushObjectRequest, pushObjectAnswer, OBJECT, SMALL, 'post-processing'),
} as const;

/** Flower's numbers for a refusal. */
export const serverCodes = { keyInUse: 23, registrationClosed: 2001, unregistrationClosed: 2002, interval: 2003, activationFailed: 2004, deactivationFailed: 2005, runNotRunning: 2007 } as const;
