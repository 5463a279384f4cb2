import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = import.meta.dirname;

/** By which words something can leave this device or this thread, and the files that may use them. A new one is a decision: it belongs here with why it may. */
const ways: Readonly<Record<string, { readonly pattern: RegExp; readonly files: readonly string[] }>> = {
  // The two doors, which take what is marked alone; a worker's script, which is an address; a public model's parts, joined.
  'a file is made': { pattern: /\bnew (?:Blob|File)\(/, files: ['shell/leaving-file.ts', 'shell/model-files.ts', 'shell/start-worker.ts', 'ui/save-file.ts'] },
  'a file gets an address': { pattern: /\bcreateObjectURL\b/, files: ['shell/start-worker.ts', 'ui/save-file.ts'] },
  'a link saves a file': { pattern: /\.download = |<a [^>]*\bdownload\b|showSaveFilePicker/, files: ['ui/save-file.ts'] },
  'the clipboard': { pattern: /\bclipboard\b|execCommand/, files: ['ui/copy-text.ts'] },
  // The code of an invitation, drawn into its own data address: the policy lets images come from our own origin, whose server would see what an address says.
  'an address that the browser fetches': { pattern: /<(?:img|picture|iframe|object|embed|video|audio|source|track)\b|\bnew Image\(|\blocation\.(?:assign|replace)\(|\blocation(?:\.(?:href|search))? = /, files: ['ui/pages/federation/JoinHere.svelte'] },
  'another program': { pattern: /navigator\.share\b|mailto:|window\.open\(|window\.print\(|document\.cookie|\.setData\(|new Notification\(/, files: [] },
  // Files of our own origin, asked for by name; a made-up word, to show that it is refused; a federation's calls, whose bodies are listed.
  'the network': { pattern: /(?<![.#\w])fetch\(|\b(?:globalThis|self|window)\.fetch\b/, files: ['federation/transport.ts', 'shell/kernel-files.ts', 'shell/model-files.ts', 'shell/silence.ts'] },
  'the network, otherwise': { pattern: /\b(?:XMLHttpRequest|WebSocket|EventSource|RTCPeerConnection|WebTransport|sendBeacon|importScripts)\b/, files: [] },
  'the console': { pattern: /\bconsole\./, files: [] },
  // Threads of a command; names and sizes of the files that were fetched; a turn of the same thread. Comlink's messages are held by `worker-messages.test.ts`.
  'another thread': { pattern: /\bpostMessage\(|BroadcastChannel|SharedWorker/, files: ['cli/trainer-port.ts', 'shell/request-log.ts', 'shell/turn.ts'] },
  // The terminal's door; figures of nobody.
  'the terminal': { pattern: /process\.(?:stdout|stderr)\b/, files: ['cli/goldens.ts', 'cli/terminal.ts'] },
  // The ledger and its lock; a public model; the door of a command's files.
  'the disk, from a command': { pattern: /\b(?:writeFile|writeFileSync|appendFile|appendFileSync|createWriteStream)\(/, files: ['cli/durable-files.ts', 'cli/model.ts', 'cli/out-files.ts', 'cli/process-lock.ts'] },
};

/** A file's code without its comments, in which a way may be spoken of. */
function codeOf(name: string, text: string): string {
  if (name.endsWith('.svelte')) return text.replace(/<!--[\s\S]*?-->|\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true, removeComments: true } }).outputText;
}

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  .filter((name) => /\.(ts|svelte|mjs)$/.test(name) && !/\.test\.ts$|\.d\.ts$|(^|\/)(testing|fixtures|assembly)\//.test(name) && !/operations\/[^/]+\/wasm\.ts$/.test(name));
const code = new Map(files.map((name) => [name, codeOf(name, readFileSync(join(root, name), 'utf8'))]));

describe('the ways out', () => {
  it.each(Object.entries(ways))('%s: in known files alone', (_, { pattern, files: known }) => {
    expect(files.filter((name) => pattern.test(code.get(name)!)).sort()).toEqual(known);
  });

  it('are, in the service worker, requests of the page itself and of its own files, without a body', () => {
    const worker = codeOf('service-worker.js', readFileSync(join(root, '..', 'public', 'service-worker.js'), 'utf8'));
    expect([...worker.matchAll(/(?<![.#\w])fetch\([^)]*\)/g)].map(([call]) => call)).toEqual(["fetch(file, { cache: 'no-cache' })", 'fetch(request)']);
    for (const [way, { pattern }] of Object.entries(ways)) if (way !== 'the network') expect(pattern.test(worker), way).toBe(false);
  });

  it('are found where they are taken', () => {
    const planted = "new Blob([notes]); URL.createObjectURL(file); link.download = 'a'; navigator.clipboard.writeText(notes); window.open(notes); location.href = notes; fetch(address, { body: notes }); new WebSocket(address); console.log(notes); self.postMessage(notes); process.stdout.write(notes); writeFile(path, notes);";
    expect(Object.entries(ways).filter(([, { pattern }]) => !pattern.test(planted)).map(([way]) => way)).toEqual([]);
  });
});

/** The doors, by what they take; `say` is for the eyes of whoever runs a command. A federation's update is held by its type and by `sent-fields.test.ts`. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'ui/save-file.ts': ['saveFile({ value }: Releasable<Blob>', 'saveText({ value }: Releasable<string>'],
  'ui/copy-text.ts': ['copyText({ value }: Releasable<string>'],
  'shell/leaving-file.ts': ['releasableFile({ value }: Releasable<Parts>', 'ownersFile({ value }: OwnersEyes<Parts>'],
  'cli/terminal.ts': ['print({ value }: Releasable<string>', 'say(line: string', 'endWithReader('],
};

describe('a door', () => {
  it.each(Object.entries(doors))('%s exports functions of what is marked, and no others', (name, takes) => {
    const text = readFileSync(join(root, name), 'utf8');
    const exported = [...text.matchAll(/^export function (.*)$/gm)].map((match) => match[1]!).filter((line) => !line.startsWith('fileStem('));
    expect(exported).toHaveLength(takes.length);
    for (const [at, take] of takes.entries()) expect(exported.some((line) => line.startsWith(take)), takes[at]).toBe(true);
  });
});
