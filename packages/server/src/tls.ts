// TLS by a certificate of one's own: read from two files in PEM, and again when they are renewed, without a connection being lost.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Server } from 'node:https';
import { RuthError, type TlsSettings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';

/** Whoever renews a certificate writes two files: both are there by then. */
const LOOK_EVERY_MS = 10_000;

export interface Certificate { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.2' }

/** Throws `invalid_config`: a file is missing, is no PEM, does not belong to the other, or the certificate is over. */
export function readCertificate({ certificateFile, keyFile }: TlsSettings, nowMs: number = Date.now()): Certificate {
  const cert = readPem(certificateFile, 'certificate');
  const key = readPem(keyFile, 'key');
  const certificate = parsed(certificateFile, 'holds no certificate in PEM', () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, 'holds no private key in PEM without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new RuthError('invalid_config', `http.tls: the key in ${keyFile} is not that of the certificate in ${certificateFile}`);
  if (certificate.validToDate.getTime() <= nowMs) throw new RuthError('invalid_config', `http.tls: the certificate in ${certificateFile} was valid until ${certificate.validTo}; renew it`);
  parsed(certificateFile, 'is no chain that can be served', () => createSecureContext({ cert, key }));
  return { cert, key, minVersion: 'TLSv1.2' };
}

/** New connections get a renewed certificate; one that cannot be used is told, and the one before stays. Returns what ends it. */
export function followRenewal(server: Server, settings: TlsSettings, logger: Logger, lookEveryMs: number = LOOK_EVERY_MS): () => void {
  const renew = (): void => {
    try {
      server.setSecureContext(readCertificate(settings));
      logger.info('the certificate was renewed');
    } catch (error) {
      logger.error({ code: 'invalid_config' }, `the certificate that was there before is still served: ${(error as Error).message}`);
    }
  };
  const files = [settings.certificateFile, settings.keyFile];
  for (const file of files) watchFile(file, { interval: lookEveryMs, persistent: false }, renew);
  return () => { for (const file of files) unwatchFile(file, renew); };
}

function readPem(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RuthError('invalid_config', `http.tls.${what} ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function parsed<T>(file: string, problem: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new RuthError('invalid_config', `http.tls: ${file} ${problem}`, { cause });
  }
}
