import { bytesToHex, hexToBytes, utf8ToBytes } from '../../ground/bytes.ts';
import { BedsideError } from '../../ground/errors.ts';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import { endpoints } from '../endpoints.ts';
import { FleetClient, PROTOBUF, type TransportRequest } from '../fleet-client.ts';
import { base64ToBytes } from '../signing.ts';
import { derToRaw } from './auth.ts';
import { holds, LARGEST_RECORDED, type RecordedCall, type RecordedWire, type WireCheck, type WireParts } from './wire.ts';

/** What comes of a call: the answer's bytes, or the code of our error, with the server's number where it has one. */
function outcomeOf(call: RecordedCall): string {
  if (call.response_hex !== undefined) return call.response_hex;
  if (call.status === 401) return 'federation/not-authorised';
  const { code }: { code: number } = JSON.parse(call.response_json ?? '{}');
  return `federation/refused ${call.status} ${code}`;
}

const refusalText = ({ code, values }: BedsideError) => (code === 'federation/refused' ? `${code} ${values['status']} ${values['serverCode']}` : code);

/** One call of a node's life, made again: the same path, body and headers, and the recorded answer or refusal understood. ECDSA is random: the signature differs, what it says does not. */
export async function checkCall({ auth }: RecordedWire, call: RecordedCall, { key, sha256, verify, timeMs }: WireParts): Promise<readonly WireCheck[]> {
  const endpoint = Object.values(endpoints).find(({ name }) => call.path === `/v1/fleet/${name}`);
  if (!endpoint) return [{ field: 'path', found: 'no such endpoint', recorded: call.path }];
  const sent: TransportRequest[] = [];
  const listed: string[] = [];
  const client = new FleetClient({
    transport: {
      post: (request) => {
        sent.push(request);
        const body = call.response_hex === undefined ? utf8ToBytes(call.response_json ?? '') : hexToBytes(call.response_hex);
        return Promise.resolve({ status: call.status, contentType: call.response_hex === undefined ? 'application/json' : PROTOBUF, date: '', body });
      },
    },
    key, sha256, clock: { nowMs: () => timeMs(call.headers['flwr-timestamp']) }, onExchange: ({ status, sentBytes }) => listed.push(`${status} ${sentBytes}`),
  });
  const outcome = client.call<object, object>(endpoint, decode<object>(endpoint.request, hexToBytes(call.request_hex), LARGEST_RECORDED)).then(
    (answer) => bytesToHex(encode<object>(endpoint.answer, answer)),
    (error: unknown) => (error instanceof BedsideError ? refusalText(error) : 'another error'),
  );
  const understood: WireCheck = { field: call.response_hex === undefined ? 'response_json' : 'response_hex', found: await outcome, recorded: outcomeOf(call) };
  const { path = '', headers = {} } = sent[0] ?? {};
  const body = sent[0]?.body.value ?? new Uint8Array(0);
  const signatureHolds = async (text: string | undefined) => {
    const der = base64ToBytes(text ?? '');
    return der !== null && der.length > 8 && verify(derToRaw(der), utf8ToBytes(call.headers['flwr-timestamp']));
  };
  return [
    { field: 'path', found: path, recorded: call.path },
    { field: 'request_hex', found: bytesToHex(body), recorded: call.request_hex },
    { field: 'headers', found: String(headers['flwr-timestamp']), recorded: call.headers['flwr-timestamp'] },
    { field: 'headers', found: String(headers['flwr-public-key']), recorded: String(auth.headers['flwr-public-key']) },
    holds('headers', 'our signature holds', await signatureHolds(headers['flwr-signature'])),
    holds('headers', 'the recorded signature holds', await signatureHolds(call.headers['flwr-signature'])),
    understood,
    { field: 'status', found: listed.join(', '), recorded: `${call.status} ${call.request_hex.length / 2}` },
  ];
}
