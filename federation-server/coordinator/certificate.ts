import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { BedsideError } from '../../src/ground/errors.ts';
import { pythonOf } from './python-environment.ts';

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** SHA-256, for people to compare with what their browser shows; null where somebody else vouches for the certificate. */
  readonly fingerprint: string | null;
}

function badCertificate(file: string, problem: string): BedsideError {
  return new BedsideError('cli/certificate', 'settings', `${file} ${problem}.`, 'Name a certificate with --cert and its private key with --key, both PEM.', { file });
}

/** A certificate that the coordinator has. */
export function readCertificate(certFile: string, keyFile: string): Certificate {
  for (const file of [certFile, keyFile]) if (!existsSync(file)) throw badCertificate(file, 'does not exist');
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    throw badCertificate(`${certFile} or ${keyFile}`, 'cannot be read');
  }
  if (!isPair) throw badCertificate(keyFile, `is not the key of ${certFile}`);
  return { cert, key, fingerprint: null };
}

/** The one of this folder, made anew where it is missing, ends within a month, or does not name one of `names`. */
export function selfSigned(folder: string, bin: string, names: readonly string[], nowMs: number): Certificate {
  const [certFile, keyFile] = [join(folder, 'certificate.pem'), join(folder, 'certificate-key.pem')];
  if (!isUsable(certFile, keyFile, names, nowMs)) {
    const { status, stderr } = spawnSync(pythonOf(bin), [join(import.meta.dirname, '..', 'make_certificate.py'), keyFile, certFile, ...names], { encoding: 'utf8' });
    if (status !== 0) throw new BedsideError('cli/certificate-made', 'settings', `A certificate could not be made: ${stderr.trim().split('\n').at(-1) ?? ''}.`, 'Name one with --cert and --key.');
  }
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), fingerprint: new X509Certificate(readFileSync(certFile)).fingerprint256 };
}

const MONTH_MS = 31 * 24 * 3_600_000;

function isUsable(certFile: string, keyFile: string, names: readonly string[], nowMs: number): boolean {
  if (!existsSync(certFile) || !existsSync(keyFile)) return false;
  const certificate = new X509Certificate(readFileSync(certFile));
  return Date.parse(certificate.validTo) > nowMs + MONTH_MS && names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined);
}
