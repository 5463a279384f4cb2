/** The SuperLink's own list of nodes, which only this machine reaches: Flower's Control API, by field numbers of flwr 1.41. */
import { request as httpRequest } from 'node:http';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { node } from '../../src/federation/codec/messages.ts';
import { table, type Table } from '../../src/federation/codec/table.ts';
import { PROTOBUF } from '../../src/federation/fleet-client.ts';

export interface RegisteredNode {
  readonly nodeId: bigint;
  /** `registered`, `online`, `offline` or `unregistered`. */
  readonly status: string;
  /** The PEM that it registered with. */
  readonly publicKey: Uint8Array;
}

const nodeInfo: Table<RegisteredNode> = table<RegisteredNode>('NodeInfo', { nodeId: [1, 'uint64', 'plain'], status: [4, 'string', 'plain'], publicKey: [11, 'bytes', 'plain'] });
export const nodeList: Table<{ readonly nodes: readonly RegisteredNode[] }> = table<{ readonly nodes: readonly RegisteredNode[] }>('ListNodesResponse', { nodes: [1, () => nodeInfo, 'repeated'] });

/** Ten thousand nodes of half a kilobyte. */
const LIST_BYTES = 8_000_000;
const LIST_FIELDS = 200_000;
const PATIENCE_MS = 10_000;
export const UNREGISTERED = 'unregistered';

export interface SuperLinkNodes {
  /** All that ever registered. Rejects where the SuperLink does not answer. */
  list(): Promise<readonly RegisteredNode[]>;
  /** Takes a node off the list. Rejects where the SuperLink does not answer, or refuses. */
  unregister(nodeId: bigint): Promise<void>;
}

export function superLinkNodes(port: number): SuperLinkNodes {
  return {
    list: async () => decode(nodeList, await control(port, 'list-nodes', new Uint8Array(0)), LIST_BYTES, LIST_FIELDS).nodes,
    unregister: async (nodeId) => void (await control(port, 'unregister-node', encode(node, { nodeId }))),
  };
}

function control(port: number, name: string, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path: `/v1/control/${name}`, method: 'POST', agent: false, timeout: PATIENCE_MS, headers: { 'content-type': PROTOBUF, accept: PROTOBUF, 'content-length': body.length } }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('error', reject).on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        if (answer.statusCode === 200) resolve(Uint8Array.from(Buffer.concat(parts)));
        else reject(new Error(`the SuperLink answered ${answer.statusCode} to ${name}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`the SuperLink did not answer ${name}`)));
    request.on('error', reject);
    request.end(body);
  });
}
