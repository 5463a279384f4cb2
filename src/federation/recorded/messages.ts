import { bytesToHex, hexToBytes } from '../../ground/bytes.ts';
import { npyHead, toNpy } from '../arrays.ts';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import {
  activateRequest, confirmRequest, heartbeatRequest, node, pullMessagesAnswer, pullMessagesRequest, pullObjectAnswer, pullObjectRequest, pushMessagesAnswer, pushMessagesRequest,
  pushObjectRequest, registerRequest,
} from '../codec/messages.ts';
import { valueRecord, type RecordValue } from '../codec/record-messages.ts';
import type { Table } from '../codec/table.ts';
import { readInstruction } from '../records.ts';
import { SUPERLINK } from '../reply.ts';
import { bodyOf, LARGEST_RECORDED, type RecordedWire, type WireCheck } from './wire.ts';

/** Decoded and written again. */
export function again<Message extends object>(table: Table<Message>, hex: string): string {
  return bytesToHex(encode(table, decode(table, hexToBytes(hex), LARGEST_RECORDED)));
}

const rewrites: Readonly<Record<string, (hex: string) => string>> = {
  RegisterNodeFleetRequest: (hex) => again(registerRequest, hex),
  RegisterNodeFleetResponse: (hex) => again(node, hex),
  ActivateNodeRequest: (hex) => again(activateRequest, hex),
  ActivateNodeResponse: (hex) => again(node, hex),
  SendNodeHeartbeatRequest: (hex) => again(heartbeatRequest, hex),
  PullMessagesRequest: (hex) => again(pullMessagesRequest, hex),
  PullMessagesResponse: (hex) => again(pullMessagesAnswer, hex),
  PullObjectRequest: (hex) => again(pullObjectRequest, hex),
  PullObjectResponse_notyet: (hex) => again(pullObjectAnswer, hex),
  ConfirmMessageReceivedRequest: (hex) => again(confirmRequest, hex),
  PushMessagesRequest: (hex) => again(pushMessagesRequest, hex),
  PushMessagesRequest_error: (hex) => again(pushMessagesRequest, hex),
  PushMessagesResponse: (hex) => again(pushMessagesAnswer, hex),
  PushObjectRequest: (hex) => again(pushObjectRequest, hex),
  DeactivateNodeRequest: (hex) => again(node, hex),
  UnregisterNodeFleetRequest: (hex) => again(node, hex),
};

/** A protobuf message comes out byte for byte. */
export function checkMessage(name: string, hex: string): readonly WireCheck[] {
  return [{ field: 'hex', found: rewrites[name]?.(hex) ?? 'no table', recorded: hex }];
}

/** The instruction as it was pulled. */
export function pulledInstruction({ protobuf }: RecordedWire) {
  const { messages, trees } = decode(pullMessagesAnswer, hexToBytes(protobuf['PullMessagesResponse']!), LARGEST_RECORDED);
  return { metadata: messages[0]!.metadata!, tree: trees[0]! };
}

/** Ids of 64 bits keep every digit. */
export function checkIds(wire: RecordedWire): readonly WireCheck[] {
  const { metadata } = pulledInstruction(wire);
  const registered = decode(node, hexToBytes(wire.protobuf['RegisterNodeFleetResponse']!), LARGEST_RECORDED);
  const of = (field: keyof RecordedWire['ids'], ...found: readonly (bigint | undefined)[]): WireCheck[] => found.map((id) => ({ field, found: String(id), recorded: wire.ids[field] }));
  return [...of('run_id', metadata.runId), ...of('node_id', registered.nodeId, metadata.destinationNodeId), ...of('task_id', metadata.sourceTaskId), ...of('superlink_node_id', SUPERLINK, metadata.sourceNodeId)];
}

/** Integers that a JSON number does not hold are texts in the file. */
const plainInteger = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value));

/** A value as the file writes it. */
function plainValue(value: RecordValue): unknown {
  const { double, signed, bool, text, bytes, doubleList, signedList, boolList, textList } = value;
  return double ?? (signed === undefined ? undefined : plainInteger(signed)) ?? bool ?? text ?? (bytes && bytesToHex(bytes)) ?? doubleList?.values ?? signedList?.values.map(plainInteger) ?? boolList?.values ?? textList?.values;
}

/** Text of the values of a record by name; bytes, which the file marks in the name, as hexadecimal. */
function valuesText(values: Iterable<readonly [name: string, value: unknown]>): string {
  return JSON.stringify([...values].map(([name, value]) => [name.replace(/_hex$/, ''), value]));
}

const floatsOf = (hex: string) => new Float32Array(hexToBytes(hex).buffer);
const hexOf = (values: Float32Array) => bytesToHex(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

/** Arrays and settings are read from the objects that carry them, and arrays have the recorded .npy form. */
export function checkValues({ values, objects }: RecordedWire): readonly WireCheck[] {
  const { instruction, reply } = objects;
  const contents = new Map(instruction.post_order.map(({ id, content_hex: hex }) => [id, hexToBytes(hex)]));
  const { model, config } = readInstruction(contents, instruction.message_id, 'model', [8]);
  const metrics = decode(valueRecord, bodyOf(hexToBytes(reply.post_order.find(({ type }) => type === 'MetricRecord')!.content_hex)), LARGEST_RECORDED);
  const delta = floatsOf(values.delta_f32_hex);
  return [
    { field: 'model_f32_hex', found: hexOf(model), recorded: values.model_f32_hex },
    { field: 'delta_f32_hex', found: hexOf(delta), recorded: values.delta_f32_hex },
    { field: 'npy_delta_hex', found: bytesToHex(toNpy(delta, [8])), recorded: values.npy_delta_hex },
    { field: 'npy_3x4_zero_header_hex', found: bytesToHex(npyHead([3, 4])), recorded: values.npy_3x4_zero_header_hex },
    { field: 'npy_scalar_hex', found: bytesToHex(toNpy(Float32Array.of(2.5), [])), recorded: values.npy_scalar_hex },
    { field: 'config', found: valuesText([...config].map(([name, value]) => [name, plainValue(value)])), recorded: valuesText(Object.entries(values.config)) },
    { field: 'metrics', found: valuesText(metrics.items.map(({ key, value }) => [key, value && plainValue(value)])), recorded: valuesText(Object.entries(values.metrics)) },
  ];
}
