/** The one place where a command writes to the terminal, but for `goldens.ts`, whose figures are of nobody. */
import type { Releasable } from '../privacy/doors.ts';

/** A line on standard error: for the eyes of whoever runs the command. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What a command answers, on standard output: it may be piped into a file, and so takes what may leave alone. */
export function print({ value }: Releasable<string>): void {
  process.stdout.write(value);
}

/** A reader that has seen enough, as `head`, closes the pipe: that is no fault. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}
