import { BedsideError } from '../ground/errors.ts';
import { releasableBecause } from '../privacy/doors.ts';
import { helpOf } from './option-help.ts';
import { fileSystemError } from './system-errors.ts';
import { print, say } from './terminal.ts';

/** Exit code of a command whose arguments or files cannot be used. */
const exitCodeOfBadInput = 2;

export function usageError(message: string, usage: string): BedsideError {
  return new BedsideError('cli/usage', 'settings', message, `Usage: ${usage}`);
}

function isArgumentError(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

/**
 * Runs a command line; `--help` prints how it is used and what its options do. What the person can mend becomes a sentence on standard error and exit code 2;
 * a fault of ours is thrown, and so prints its stack and exits with 1.
 */
export async function runCommand(usage: string, command: () => Promise<void>): Promise<void> {
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    print(releasableBecause('public', helpOf(usage)));
    return;
  }
  try {
    await command();
  } catch (thrown) {
    const error = fileSystemError(thrown) ?? thrown;
    if (isArgumentError(error)) {
      say(`${error.message.split(/\. |\n/)[0]!.replace(/\.?$/, '.')} Usage: ${usage}`);
    } else if (error instanceof BedsideError && error.family !== 'internal') {
      say(`${error.message} ${error.hint}`);
    } else {
      throw error;
    }
    process.exitCode = exitCodeOfBadInput;
  }
}
