/** The messages of Flower's Fleet API (flwr 1.41) that a node needs, by field number. Everything else a server sends is skipped. */
import { table, type Table } from './table.ts';

export interface Node {
  readonly nodeId: bigint;
}
export const node: Table<Node> = table<Node>('Node', { nodeId: [1, 'uint64', 'plain'] });

/** An object's id, SHA-256 in hexadecimal, and those of the objects that it refers to. */
export interface ObjectTree {
  readonly objectId: string;
  readonly children: readonly ObjectTree[];
}
export const objectTree: Table<ObjectTree> = table<ObjectTree>('ObjectTree', {
  objectId: [1, 'string', 'plain'],
  children: [2, () => objectTree, 'repeated'],
});

export interface Metadata {
  readonly runId: bigint;
  /** Id of the Message object; empty inside that object itself. */
  readonly messageId: string;
  readonly sourceNodeId: bigint;
  readonly destinationNodeId: bigint;
  readonly replyToMessageId: string;
  readonly groupId: string;
  readonly ttlSeconds: number;
  readonly messageType: string;
  /** Seconds since 1970. */
  readonly createdAtSeconds: number;
  readonly sourceTaskId?: bigint | undefined;
  readonly destinationTaskId?: bigint | undefined;
}
export const metadata: Table<Metadata> = table<Metadata>('Metadata', {
  runId: [1, 'uint64', 'plain'],
  messageId: [2, 'string', 'plain'],
  sourceNodeId: [3, 'uint64', 'plain'],
  destinationNodeId: [4, 'uint64', 'plain'],
  replyToMessageId: [5, 'string', 'plain'],
  groupId: [6, 'string', 'plain'],
  ttlSeconds: [7, 'double', 'plain'],
  messageType: [8, 'string', 'plain'],
  createdAtSeconds: [9, 'double', 'plain'],
  sourceTaskId: [10, 'uint64', 'optional'],
  destinationTaskId: [11, 'uint64', 'optional'],
});

/** A RecordDict that is always empty here: contents travel as objects. */
export type EmptyRecords = Readonly<Record<never, never>>;
const emptyRecords: Table<EmptyRecords> = table<EmptyRecords>('RecordDict', {});

export interface MessageError {
  readonly code: bigint;
  readonly reason: string;
}
const messageError: Table<MessageError> = table<MessageError>('Error', { code: [1, 'sint64', 'plain'], reason: [2, 'string', 'plain'] });

export interface Message {
  readonly metadata?: Metadata | undefined;
  readonly content?: EmptyRecords | undefined;
  readonly error?: MessageError | undefined;
}
export const message: Table<Message> = table<Message>('Message', {
  metadata: [1, () => metadata, 'optional'],
  content: [2, () => emptyRecords, 'optional'],
  error: [3, () => messageError, 'optional'],
});

/** Requests and answers of a node's life. */
export interface PublicKey {
  readonly publicKey: Uint8Array;
}
export const registerRequest: Table<PublicKey> = table<PublicKey>('RegisterNodeFleetRequest', { publicKey: [1, 'bytes', 'plain'] });

export interface ActivateRequest {
  readonly publicKey: Uint8Array;
  readonly heartbeatIntervalSeconds: number;
}
export const activateRequest: Table<ActivateRequest> = table<ActivateRequest>('ActivateNodeRequest', {
  publicKey: [1, 'bytes', 'plain'],
  heartbeatIntervalSeconds: [2, 'double', 'plain'],
});

export interface HeartbeatRequest {
  readonly node?: Node | undefined;
  readonly heartbeatIntervalSeconds: number;
}
export const heartbeatRequest: Table<HeartbeatRequest> = table<HeartbeatRequest>('SendNodeHeartbeatRequest', {
  node: [1, () => node, 'optional'],
  heartbeatIntervalSeconds: [2, 'double', 'plain'],
});
export interface HeartbeatAnswer {
  readonly success: boolean;
}
export const heartbeatAnswer: Table<HeartbeatAnswer> = table<HeartbeatAnswer>('SendNodeHeartbeatResponse', { success: [1, 'bool', 'plain'] });

export interface PullMessagesRequest {
  readonly node?: Node | undefined;
}
export const pullMessagesRequest: Table<PullMessagesRequest> = table<PullMessagesRequest>('PullMessagesRequest', { node: [1, () => node, 'optional'] });
export interface PullMessagesAnswer {
  readonly messages: readonly Message[];
  readonly trees: readonly ObjectTree[];
}
export const pullMessagesAnswer: Table<PullMessagesAnswer> = table<PullMessagesAnswer>('PullMessagesResponse', {
  messages: [2, () => message, 'repeated'],
  trees: [3, () => objectTree, 'repeated'],
});

export interface PullObjectRequest {
  readonly node?: Node | undefined;
  readonly runId: bigint;
  readonly objectId: string;
}
export const pullObjectRequest: Table<PullObjectRequest> = table<PullObjectRequest>('PullObjectRequest', {
  node: [1, () => node, 'optional'],
  runId: [2, 'uint64', 'plain'],
  objectId: [3, 'string', 'plain'],
});
export interface PullObjectAnswer {
  readonly isFound: boolean;
  /** False while whoever sends it is still uploading. */
  readonly isAvailable: boolean;
  readonly content: Uint8Array;
}
export const pullObjectAnswer: Table<PullObjectAnswer> = table<PullObjectAnswer>('PullObjectResponse', {
  isFound: [1, 'bool', 'plain'],
  isAvailable: [2, 'bool', 'plain'],
  content: [3, 'bytes', 'plain'],
});

export interface ConfirmRequest {
  readonly node?: Node | undefined;
  readonly runId: bigint;
  readonly messageObjectId: string;
}
export const confirmRequest: Table<ConfirmRequest> = table<ConfirmRequest>('ConfirmMessageReceivedRequest', {
  node: [1, () => node, 'optional'],
  runId: [2, 'uint64', 'plain'],
  messageObjectId: [3, 'string', 'plain'],
});
export type Empty = Readonly<Record<never, never>>;
export const empty: Table<Empty> = table<Empty>('Empty', {});

export interface PushMessagesRequest {
  readonly node?: Node | undefined;
  readonly messages: readonly Message[];
  readonly trees: readonly ObjectTree[];
  readonly runtimesSeconds: readonly number[];
}
export const pushMessagesRequest: Table<PushMessagesRequest> = table<PushMessagesRequest>('PushMessagesRequest', {
  node: [1, () => node, 'optional'],
  messages: [2, () => message, 'repeated'],
  trees: [3, () => objectTree, 'repeated'],
  runtimesSeconds: [4, 'double', 'repeated'],
});
/** Seconds after which to come back; the node keeps its own pace. */
export interface Reconnect {
  readonly seconds: bigint;
}
const reconnect: Table<Reconnect> = table<Reconnect>('Reconnect', { seconds: [1, 'uint64', 'plain'] });
/** An entry of the map from message id to the server's result code; both are always written. */
export interface PushResult {
  readonly messageId?: string | undefined;
  readonly result?: bigint | undefined;
}
const pushResult: Table<PushResult> = table<PushResult>('ResultsEntry', { messageId: [1, 'string', 'optional'], result: [2, 'uint64', 'optional'] });
export interface PushMessagesAnswer {
  readonly reconnect?: Reconnect | undefined;
  readonly results: readonly PushResult[];
  /** Ids of the objects that the server does not have yet. None at all on a first push: the reply is refused. */
  readonly objectsToPush: readonly string[];
  readonly sessionId: string;
}
export const pushMessagesAnswer: Table<PushMessagesAnswer> = table<PushMessagesAnswer>('PushMessagesResponse', {
  reconnect: [1, () => reconnect, 'optional'],
  results: [2, () => pushResult, 'repeated'],
  objectsToPush: [3, 'string', 'repeated'],
  sessionId: [4, 'string', 'plain'],
});

export interface PushObjectRequest {
  readonly node?: Node | undefined;
  readonly runId: bigint;
  readonly objectId: string;
  readonly content: Uint8Array;
  readonly sessionId: string;
}
export const pushObjectRequest: Table<PushObjectRequest> = table<PushObjectRequest>('PushObjectRequest', {
  node: [1, () => node, 'optional'],
  runId: [2, 'uint64', 'plain'],
  objectId: [3, 'string', 'plain'],
  content: [4, 'bytes', 'plain'],
  sessionId: [5, 'string', 'plain'],
});
export interface PushObjectAnswer {
  readonly isStored: boolean;
}
export const pushObjectAnswer: Table<PushObjectAnswer> = table<PushObjectAnswer>('PushObjectResponse', { isStored: [1, 'bool', 'plain'] });
