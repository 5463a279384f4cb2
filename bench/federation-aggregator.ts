import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pythonOf } from '../federation-server/coordinator/python-environment.ts';

export interface AggregatedRound {
  readonly model: Float32Array;
  /** `SafeFedAvg`, or `aggregate` where flwr is missing. */
  readonly server: string;
  readonly accepted: number;
  readonly dropped: number;
}

/** The server's own code in one Python process, fed by stdin; it lives as long as the bench. */
export class Aggregator {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #output: AsyncIterator<Buffer>;
  #waiting = Buffer.alloc(0);
  #coordinates = 0;

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>) {
    this.#process = process;
    this.#output = process.stdout[Symbol.asyncIterator]();
  }

  static start(): Aggregator {
    const ours = pythonOf(process.env['BEDSIDE_FLWR_BIN'] ?? join(import.meta.dirname, '..', 'federation-server', '.venv', 'bin'));
    const python = existsSync(ours) ? ours : 'python3';
    return new Aggregator(spawn(python, [join(import.meta.dirname, 'federation_aggregator.py')], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  async begin(model: Float32Array, bound: number, rate: number): Promise<void> {
    this.#coordinates = model.length;
    await this.#send({ kind: 'begin', bound, rate }, model);
  }

  add(node: number, update: Float32Array): Promise<void> {
    return this.#send({ kind: 'update', node }, update);
  }

  async endRound(): Promise<AggregatedRound> {
    await this.#send({ kind: 'end' }, new Float32Array(0));
    let end = this.#waiting.indexOf(10);
    for (; end < 0; end = this.#waiting.indexOf(10)) await this.#more();
    const { server, accepted, dropped }: Omit<AggregatedRound, 'model'> = JSON.parse(this.#waiting.subarray(0, end).toString('utf8'));
    const bytes = 4 * this.#coordinates;
    while (this.#waiting.length < end + 1 + bytes) await this.#more();
    const model = new Float32Array(Uint8Array.from(this.#waiting.subarray(end + 1, end + 1 + bytes)).buffer);
    this.#waiting = this.#waiting.subarray(end + 1 + bytes);
    return { model, server, accepted, dropped };
  }

  close(): void {
    this.#process.stdin.end();
  }

  async #send(line: object, numbers: Float32Array): Promise<void> {
    this.#process.stdin.write(`${JSON.stringify({ ...line, length: numbers.length })}\n`);
    if (!this.#process.stdin.write(Buffer.from(numbers.slice().buffer))) await once(this.#process.stdin, 'drain');
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#output.next();
    if (done === true) throw new Error('Expected an answer of the aggregator; it ended. What it said stands above.');
    this.#waiting = Buffer.concat([this.#waiting, value]);
  }
}
