import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { pythonOf } from '../../federation-server/coordinator/python-environment.ts';
import type { Scene } from './scene.ts';

const serverFolder = joinPath(import.meta.dirname, '..', '..', 'federation-server');

/** The ServerApp's own tests, by pytest, each counted. */
export function unitTests({ bin, folder, total }: Scene): void {
  const report = joinPath(folder, 'pytest.xml');
  const { status } = spawnSync(pythonOf(bin), ['-m', 'pytest', '-q', '--no-header', '-p', 'no:cacheprovider', '-W', 'ignore', `--junitxml=${report}`], { cwd: serverFolder, stdio: 'inherit', env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  // pytest ends with 0 or 1 where it ran; with anything else there is no report to trust.
  const suite = status === 0 || status === 1 ? /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '' : '';
  const number = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const [tests, bad] = [number('tests'), number('failures') + number('errors')];
  total.passed += tests - bad - number('skipped');
  total.failed += tests === 0 || (status !== 0 && bad === 0) ? bad + 1 : bad;
}
