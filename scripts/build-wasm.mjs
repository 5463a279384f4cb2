// Builds the two WebAssembly files of src/engine/wasm from one AssemblyScript source; with --check, rebuilds them
// elsewhere and fails unless they are byte for byte what is committed.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = 'src/engine/wasm';
const source = `${folder}/assembly/kernels.ts`;
const common = ['-O3', '--noAssert', '--uncheckedBehavior', 'always', '--runtime', 'stub', '--use', 'abort=', '--importMemory', '--noExportMemory', '--enable', 'simd', '--disableWarning', '201'];
// Safari refuses a whole file that holds one relaxed instruction, hence two files.
const builds = { simd: [], relaxed: ['--enable', 'relaxed-simd'] };

async function build(name, target) {
  const { error, stderr } = await asc.main([source, '-o', target, '--baseDir', root, ...common, ...builds[name]]);
  if (error) throw new Error(`AssemblyScript could not build ${name}: ${error.message}\n${stderr.toString()}`);
}

const isCheck = process.argv.includes('--check');
const scratch = isCheck ? await mkdtemp(join(tmpdir(), 'bedside-wasm-')) : null;
const stale = [];
for (const name of Object.keys(builds)) {
  const committed = join(root, folder, `kernels.${name}.wasm`);
  const target = scratch ? join(scratch, `kernels.${name}.wasm`) : committed;
  await build(name, target);
  const bytes = await readFile(target);
  if (scratch && !bytes.equals(await readFile(committed))) stale.push(`${folder}/kernels.${name}.wasm`);
  console.log(`kernels.${name}.wasm: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
}
if (scratch) await rm(scratch, { recursive: true });
if (stale.length > 0) {
  console.error(`Not what the sources give: ${stale.join(', ')}. Run "npm run wasm" and commit the result.`);
  process.exitCode = 1;
} else if (isCheck) {
  console.log('Both files are byte for byte what the sources give.');
}
