import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { usageError } from '../../src/cli/run-command.ts';
import type { SharedUnit } from '../../src/privacy/shared-unit.ts';

export const usage = `npm run federation -- [options]

  --task FILE         what is trained, for whom, how privately (default: the built-in, made-up notes)
  --rounds N          rounds (default: the task's)
  --epsilon E         epsilon of all rounds together, where the task does not fix its noise
  --unit UNIT         what is clipped and protected as one: row, person, or participant: all notes of a device
                      (default: the task's)
  --project N         every feature is mapped to N numbers by a public map, the same for all (default: none)
  --coordinator NAME  who runs it, as participants read it (default: the task's)
  --skew ALPHA        where notes are dealt out by seat: how unlike the seats are (0.3 is far apart; default: alike)
  --evaluate FILE     public notes, columns text and label, that models are scored on in the open
  --central-noise Z   the server adds noise of Z update bounds to each round's sum, divided by --min-clients
  --seats N           invitations, one a device (default 30)
  --by-hand           no link that deals seats out: every invitation is handed to somebody
  --min-clients N     devices that must be there before a round begins, 2 at least (default 3)
  --min-replies N     updates that a round needs to count (default: two thirds of --min-clients, 2 at least)
  --trim N            values dropped at each end of every coordinate (default: none where models are scored on public
                      notes, which find out who spoils them, or with central noise; else 1 from five updates on)
  --server-rate R     the model moves by R times the mean update (default: the task's, else by rule)
  --timeout SECONDS   a round's hard end (default 600)
  --host NAME         name or address that participants use (default: this machine's on its network)
  --port N            port (default 8443)
  --public-address A  what participants open where a proxy stands in front, as https://pool.example.org
                      (default: https, --host and --port)
  --cert, --key FILE  a certificate and its key, PEM (default: self-signed)
  --state FOLDER      where everything is kept (default .federation)
  --no-build          serve dist/ as it is`;

export interface Options {
  readonly taskFile: string | null;
  readonly rounds: number | null;
  readonly epsilon: number | null;
  readonly unit: SharedUnit | null;
  readonly project: number | null;
  readonly coordinator: string | null;
  readonly skew: number | null;
  readonly evaluationFile: string | null;
  readonly centralNoise: number | null;
  readonly seats: number;
  readonly isByHand: boolean;
  readonly minClients: number;
  readonly minReplies: number;
  /** Null: the ServerApp's own rule. */
  readonly trim: number | null;
  readonly serverRate: number | null;
  readonly timeoutSeconds: number;
  readonly host: string | null;
  readonly port: number;
  /** Origin that links have, where it is not that of host and port. */
  readonly publicAddress: string | null;
  readonly certificate: { readonly cert: string; readonly key: string } | null;
  readonly stateFolder: string | null;
  readonly isBuilding: boolean;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

function unitOf(value: string): SharedUnit {
  if (value !== 'row' && value !== 'person' && value !== 'participant') throw usageError(`--unit must be row, person or participant, found ${value}.`, usage);
  return value;
}

/** An origin of https alone: over http a browser has no keys, and the app asks for addresses at the root. */
function originIn(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol !== 'https:' || url.href !== `${url.origin}/`) throw usageError(`--public-address must be https, a name and perhaps a port, as https://pool.example.org; found ${address}.`, usage);
  return url.origin;
}

/** @throws `cli/usage`, and parseArgs' own error on options that are not known. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      task: text, rounds: text, epsilon: text, seats: text, 'by-hand': flag, 'min-clients': text, 'min-replies': text, trim: text, 'server-rate': text, timeout: text,
      unit: text, project: text, coordinator: text, skew: text, evaluate: text, 'central-noise': text, host: text, port: text, 'public-address': text, cert: text, key: text, state: text, 'no-build': flag,
    },
  });
  const number = (name: string, value: string | undefined, least: number, most: number, isWhole: boolean): number | null => {
    if (value === undefined) return null;
    const found = Number(value);
    if (value.trim() === '' || !Number.isFinite(found) || found < least || found > most || (isWhole && !Number.isInteger(found))) throw usageError(`--${name} must be a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}, found ${value}.`, usage);
    return found;
  };
  const minClients = number('min-clients', values['min-clients'], 2, 10_000, true) ?? 3;
  const minReplies = number('min-replies', values['min-replies'], 2, 10_000, true) ?? Math.max(2, Math.ceil((2 * minClients) / 3));
  const trim = number('trim', values.trim, 0, 1000, true);
  const centralNoise = number('central-noise', values['central-noise'], 1e-3, 1e5, false);
  const trimmed = trim ?? 0;
  if (centralNoise !== null && trimmed > 0) throw usageError('--central-noise and --trim do not go together: what trimming leaves has no fixed sensitivity.', usage);
  const seats = number('seats', values.seats, 2, 10_000, true) ?? 30;
  if (minReplies > minClients) throw usageError(`--min-replies ${minReplies} is more than --min-clients ${minClients}: no round would be sure to count.`, usage);
  if (minReplies + 2 * trimmed > minClients) throw usageError(`--trim ${trimmed} leaves ${minClients - 2 * trimmed} of ${minClients} updates; --min-replies is ${minReplies}.`, usage);
  if (minClients > seats) throw usageError(`--min-clients ${minClients} is more than --seats ${seats}: the first round would never begin.`, usage);
  const { host, cert, key } = values;
  if (host !== undefined && isIP(host) === 0 && !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(host)) throw usageError(`--host must be a name or an address, found ${host}.`, usage);
  if ((cert === undefined) !== (key === undefined)) throw usageError('--cert and --key go together.', usage);
  return {
    taskFile: values.task ?? null,
    rounds: number('rounds', values.rounds, 1, 1000, true),
    epsilon: number('epsilon', values.epsilon, 0.01, 1000, false),
    unit: values.unit === undefined ? null : unitOf(values.unit),
    project: number('project', values.project, 2, 10_000, true),
    coordinator: values.coordinator ?? null,
    skew: number('skew', values.skew, 1e-3, 1e6, false),
    evaluationFile: values.evaluate ?? null,
    centralNoise,
    seats, isByHand: values['by-hand'], minClients, minReplies, trim,
    serverRate: number('server-rate', values['server-rate'], 1e-6, 1e6, false),
    timeoutSeconds: number('timeout', values.timeout, 10, 86_400, true) ?? 600,
    host: host ?? null,
    port: number('port', values.port, 1, 65_535, true) ?? 8443,
    publicAddress: values['public-address'] === undefined ? null : originIn(values['public-address']),
    certificate: cert === undefined || key === undefined ? null : { cert, key },
    stateFolder: values.state ?? null,
    isBuilding: !values['no-build'],
  };
}
