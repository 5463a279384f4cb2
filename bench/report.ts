/** `npm run bench -- report`: writes `bench/README.md` from what the other benches kept in `bench/results/`, so that no number in it is anybody's memory. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const file = join(folder, 'README.md');

interface EngineRow {
  readonly what: string;
  readonly goal: string;
  readonly found: string;
  /** Null: nothing is claimed. */
  readonly isMet: boolean | null;
  readonly note?: string;
}

interface EngineGroup {
  readonly machine: string;
  readonly date: string;
  readonly repeats: number;
  readonly loadAtGroup: number;
  readonly rows: readonly EngineRow[];
}

/** Of one step on one backend: milliseconds by operation. */
interface Breakdown {
  readonly device: string;
  readonly rows: number;
  readonly elapsedMs: number;
  readonly operationsMs: Readonly<Record<string, number>>;
}

interface NodesResult {
  readonly machine: string;
  readonly loadAverage: number;
  /** Of the last count against the first; null of one count alone. */
  readonly growth: { readonly nodes: number; readonly roundSeconds: number; readonly sentBytesPerNodeRound: number; readonly superlinkPeakBytes: number; readonly serverAppPeakBytes: number } | null;
  readonly measured: readonly { readonly nodes: number; readonly roundSeconds: readonly number[]; readonly sentBytesPerNodeRound: number; readonly receivedBytesPerNodeRound: number; readonly superlinkPeakBytes: number; readonly serverAppPeakBytes: number; readonly accepted: number; readonly dropped: number; readonly droppedBecause?: Readonly<Record<string, number>> }[];
}

interface BrowsersResult {
  readonly machine: string;
  readonly atOnce: number;
  readonly measured: readonly {
    readonly browsers: number; readonly loadAverage: number; readonly joiningSeconds: number; readonly joinSeconds: readonly number[]; readonly notJoined: readonly string[]; readonly refused: Readonly<Record<string, number>>;
    readonly rounds: readonly { readonly seconds: number; readonly accepted: number; readonly dropped: Readonly<Record<string, number>> }[];
    readonly browserPeakBytes: number; readonly commandPeakBytes: number; readonly superlinkPeakBytes: number; readonly serverAppPeakBytes: number;
  }[];
}

/** Why a goal was missed, and what was tried: for rows that begin so. */
const reasons: readonly (readonly [string, string])[] = [
  ['WASM, 1 worker: against tfjs-wasm, tape', 'The tape of the peer takes some three times as long as its own kernels with a backward pass written by hand; the two goals together ask for five times.'],
  ['WASM forward with inputs rounded', 'Inputs keep 15 or 16 bits and are multiplied in pairs of 16-bit integers; the peer rounds its inputs to 8 bits, at some three hundred times the error. Dot instructions of relaxed SIMD were tried in the inner loop alone: on this processor, which has no such instruction of its own, two planes of 7 bits are slower than the 16-bit pairs at the same precision, and one plane of 7 bits is faster at about the error of the peer. They pay where a processor has them (AVX-VNNI, ARM dot product); none was at hand.'],
  ['Cold start to first embedding, model cached: WebGPU, kernels against plain arithmetic', 'Nearly all of it is the check of every kernel against plain arithmetic and the golden batch, which here a processor does in place of a graphics chip. The row after it is the start itself; the page is in use meanwhile.'],
  ['WebGPU: clipped step against the same per-example gradients', 'The least of three repeats on a software renderer, whose steps vary by more than the clip costs; the medians stand beside it.'],
  ['WebGPU, 2 x 128: against jax-js', 'Both multiply by the same frozen maps, three quarters of our step as its breakdown below has it, and a software renderer does that at the pace of a processor whoever asks; the launches and buffers that ours saves cost little there.'],
  ["Of a cold start, the model's golden batch: WebGPU", 'Kernels of the sizes of the model compile within it, for which the first step would wait else; on this machine a processor compiles and runs them.'],
];

const read = <Value>(name: string): Value => JSON.parse(readFileSync(join(folder, 'results', name), 'utf8'));
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const verdict = (isMet: boolean | null) => (isMet === null ? '' : isMet ? 'met' : 'missed');

function engineTable(groups: Readonly<Record<string, EngineGroup>>): readonly string[] {
  const lines = ['| | goal | found | |', '| --- | --- | --- | --- |'];
  for (const { rows } of Object.values(groups)) for (const { what, goal, found, isMet, note } of rows) lines.push(`| ${cell(what)} | ${cell(goal)} | ${cell(note === undefined ? found : `${found}; ${note}`)} | ${verdict(isMet)} |`);
  return lines;
}

function missed(groups: Readonly<Record<string, EngineGroup>>): readonly string[] {
  return Object.values(groups).flatMap(({ rows }) => rows.filter(({ isMet }) => isMet === false)).map(({ what, note }) => {
    const reason = reasons.find(([start]) => what.startsWith(start))?.[1] ?? note ?? 'Not looked into.';
    return `- **${what}** ${reason}`;
  });
}

function conditions(groups: Readonly<Record<string, EngineGroup>>): readonly string[] {
  return Object.entries(groups).map(([name, { machine, date, repeats, loadAtGroup }]) => `| ${name} | ${date} | ${machine} | ${repeats} | ${loadAtGroup.toFixed(1)} |`);
}

/** Shares of a step's time by operation, the longest first. */
function breakdownTable(byBackend: Readonly<Record<string, Breakdown>>): readonly string[] {
  const steps = Object.values(byBackend);
  const total = ({ operationsMs }: Breakdown) => Object.values(operationsMs).reduce((sum, ms) => sum + ms, 0);
  const share = (step: Breakdown, name: string) => (step.operationsMs[name] ?? 0) / total(step);
  const names = [...new Set(steps.flatMap(({ operationsMs }) => Object.keys(operationsMs)))].sort((a, b) => share(steps[0]!, b) - share(steps[0]!, a));
  const shown = (step: Breakdown, name: string) => `${(step.operationsMs[name] ?? 0).toFixed(1)} ms, ${(100 * share(step, name)).toFixed(1)} %`;
  return [
    `| operation | ${steps.map(({ device, rows }) => `${device}, ${rows} rows`).join(' | ')} |`, `| --- |${' --- |'.repeat(steps.length)}`,
    ...names.map((name) => `| ${name} | ${steps.map((step) => shown(step, name)).join(' | ')} |`),
    `| all operations, of the step | ${steps.map((step) => `${total(step).toFixed(0)} of ${step.elapsedMs.toFixed(0)} ms`).join(' | ')} |`,
  ];
}

/** Each reason and how often it was, in brackets. */
function reasonsOf(counts: Readonly<Record<string, number>> = {}): string {
  const reasons = Object.entries(counts).map(([reason, times]) => `${times} × ${cell(reason)}`);
  return reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
}

function browsersTable({ measured }: BrowsersResult): readonly string[] {
  const rows = measured.map(({ browsers, joiningSeconds, joinSeconds, notJoined, refused, rounds, ...peak }) => [
    browsers, `${joinSeconds.length}${notJoined.length === 0 ? '' : ` (${notJoined.length} could not)`}`, `${joiningSeconds.toFixed(0)} s`, `${mean(joinSeconds).toFixed(0)} s`, rounds.map(({ seconds }) => `${seconds.toFixed(0)} s`).join(', '),
    rounds.map(({ accepted, dropped }) => `${accepted}${reasonsOf(dropped)}`).join(', '), reasonsOf(refused).trim() || 'nothing', `${(peak.browserPeakBytes / 1e9).toFixed(1)} GB`,
    `${(peak.commandPeakBytes / 1e6).toFixed(0)} + ${(peak.superlinkPeakBytes / 1e6).toFixed(0)} + ${(peak.serverAppPeakBytes / 1e6).toFixed(0)} MB`,
  ]);
  return ['| browsers | took part | all in after | joining, each | rounds | counted in each | refused calls | all browsers at most | command + SuperLink + ServerApp at most |', '| --- | --- | --- | --- | --- | --- | --- | --- | --- |', ...rows.map((cells) => `| ${cells.join(' | ')} |`)];
}

function nodesTable({ measured, growth }: NodesResult): readonly string[] {
  const rows = measured.map((one) => `| ${one.nodes} | ${mean(one.roundSeconds).toFixed(1)} s | ${(one.sentBytesPerNodeRound / 1000).toFixed(1)} kB | ${(one.receivedBytesPerNodeRound / 1000).toFixed(1)} kB | ${(one.superlinkPeakBytes / 1e6).toFixed(0)} MB | ${(one.serverAppPeakBytes / 1e6).toFixed(0)} MB | ${one.accepted} | ${one.dropped}${reasonsOf(one.droppedBecause)} |`);
  return ['| nodes | a round | sent by a node and round | received | SuperLink at most | ServerApp at most | replies taken | dropped |', '| --- | --- | --- | --- | --- | --- | --- | --- |', ...rows, ...(growth ? ['', `With ${growth.nodes.toFixed(0)} times the nodes a round takes ${growth.roundSeconds.toFixed(1)} times as long; a node sends ${growth.sentBytesPerNodeRound.toFixed(2)} times as much, the SuperLink takes ${growth.superlinkPeakBytes.toFixed(2)} times the memory and the ServerApp ${growth.serverAppPeakBytes.toFixed(2)} times.`] : [])];
}

export async function run(args: readonly string[]): Promise<void> {
  if (args.length > 0) throw new Error(`report takes no arguments; found ${args.length}.`);
  const engine = read<Readonly<Record<string, EngineGroup>> & { readonly breakdown: { readonly details: Readonly<Record<string, Breakdown>> } }>('engine.json');
  const nodes = read<NodesResult>('federation-nodes.json');
  const browsers = read<BrowsersResult>('federation-browsers.json');
  const text = [
    '# Benches', '',
    'Written by `npm run bench -- report` from the files in `results/`; what each bench measures is said in the README and at the head of its file.', '',
    '## The engine beside its peers', '',
    '`npm run bench -- engine`. L6/H384 int8, 8 rows of 128 tokens unless said. All engines of a row take turns in one run; the figure is the least time, medians beside it. A peer counts where its clipped sum is ours. On the software renderer, ONNX Runtime Web computes hidden states that are far off: its time and its error are shown, and nothing is claimed. Launches on WebGPU are those of a micro-batch, of 1,024 tokens at most, which a step of 8 rows of 128 tokens is.', '',
    ...engineTable(engine), '',
    '### Goals that were missed', '',
    ...missed(engine), '',
    '### Where the time of a step goes', '',
    '`npm run bench -- engine --only breakdown`: a private step of adapters in all layers. WebAssembly by the clock around each operation, WebGPU by timestamp queries around each launch, which run one at a time for it.', '',
    ...breakdownTable(engine.breakdown.details), '',
    '### Where and when', '',
    'Above a load average of 2 something else was running, and times are longer than they need be.', '',
    '| group | date | machine | repeats | load average |', '| --- | --- | --- | --- | --- |', ...conditions(engine), '',
    '## Nodes of a federation', '',
    `\`npm run bench -- federation-nodes\`, five rounds on one machine that also runs the server (${nodes.machine}; load average ${nodes.loadAverage.toFixed(1)}). The SuperLink, one process of Python, answers some thousand calls a round: it sets the time.`, '',
    ...nodesTable(nodes), '',
    '## A room of browsers', '',
    `\`npm run bench -- federation-browsers\`: contexts of one Chromium with the built-in notes, on one machine that also runs the server (${browsers.machine}; load averages ${browsers.measured.map(({ loadAverage }) => loadAverage.toFixed(1)).join(' and ')}), ${browsers.atOnce} joining at a time. All share two cores: thirty laptops have thirty.`, '',
    ...browsersTable(browsers), '',
  ].join('\n');
  writeFileSync(file, text);
  console.log(text);
}
