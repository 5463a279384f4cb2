import { message } from './protobuf.ts';

/** Types of onnx.proto3's TensorProto. */
const dataTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
type DataType = keyof typeof dataTypes;

type TensorValues = Float32Array | Int8Array | BigInt64Array;

export type AttributeValue = number | { readonly float: number } | readonly number[];

const contrib = 'com.microsoft';

/** An ONNX graph as it is built: every call adds a node and gives the name of its output. */
export class OnnxGraph {
  readonly #nodes: Uint8Array[] = [];
  readonly #constants: Uint8Array[] = [];
  readonly #inputs: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  #names = 0;

  input(name: string, type: DataType, shape: readonly string[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Names what the graph gives back. */
  output(from: string, name: string, type: DataType, shape: readonly (string | number)[]): void {
    this.#node('Identity', [from], {}, '', name);
    this.#outputs.push(valueInfo(name, type, shape));
  }

  constant(values: TensorValues, shape: readonly number[]): string {
    const name = `c${this.#names++}`;
    const type: DataType = values instanceof Float32Array ? 'float32' : values instanceof Int8Array ? 'int8' : 'int64';
    this.#constants.push(message([[1, shape], [2, dataTypes[type]], [8, name], [9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]]));
    return name;
  }

  floats(values: Float32Array): string {
    return this.constant(values, [values.length]);
  }

  integers(...values: readonly number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** An operator of ONNX's own set; an empty name leaves an optional input out. */
  node(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.#node(operator, inputs, attributes, '');
  }

  /** An operator of ONNX Runtime's own. */
  contribNode(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.#node(operator, inputs, attributes, contrib);
  }

  #node(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>>, domain: string, output = `v${this.#names++}`): string {
    const written = Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'number') return message([[1, name], [3, value], [20, 2]]);
      return 'float' in value ? message([[1, name], [2, value], [20, 1]]) : message([[1, name], [8, value], [20, 7]]);
    });
    this.#nodes.push(message([[1, inputs], [2, output], [3, `${operator}_${output}`], [4, operator], [5, written], [7, domain]]));
    return output;
  }

  /** The file. Opset 17: the first with LayerNormalization. */
  file(): Uint8Array<ArrayBuffer> {
    const graph = message([[1, this.#nodes], [2, 'bert'], [5, this.#constants], [11, this.#inputs], [12, this.#outputs]]);
    const opsets = [message([[1, ''], [2, 17]]), message([[1, contrib], [2, 1]])];
    return message([[1, 8], [2, 'bedside-bench'], [7, graph], [8, opsets]]);
  }
}

function valueInfo(name: string, type: DataType, shape: readonly (string | number)[]): Uint8Array {
  const dimensions = shape.map((size) => (typeof size === 'number' ? message([[1, size]]) : message([[2, size]])));
  const tensor = message([[1, dataTypes[type]], [2, message([[1, dimensions]])]]);
  return message([[1, name], [2, message([[1, tensor]])]]);
}
