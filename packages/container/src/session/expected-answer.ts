// Whether a model still gives the answer to its canary that it gave at its start: a device that goes wrong, or memory that does, need
// not make an inference fail. Outputs are compared by their shape, the sum of their magnitudes and the values that are no numbers.
import { RuthError } from '@ruth/protocol/base';
import type { OutputTensor } from '../decode/detections.ts';

export type OutputSummary = Readonly<Record<string, { readonly dims: readonly number[]; readonly magnitude: number; readonly notFinite: number }>>;

/** Devices do not reckon in the same order each time. */
const TOLERANCE = 0.01;

export function summaryOf(outputs: Readonly<Record<string, OutputTensor>>): OutputSummary {
  return Object.fromEntries(Object.entries(outputs).map(([name, { dims, data }]) => {
    let magnitude = 0;
    let notFinite = 0;
    for (const value of data) {
      if (Number.isFinite(value)) magnitude += Math.abs(value);
      else notFinite++;
    }
    return [name, { dims: [...dims], magnitude, notFinite }];
  }));
}

/** Throws `inference_failed` where the answer is another one. */
export function assertExpected(found: OutputSummary, expected: OutputSummary): void {
  for (const [name, wanted] of Object.entries(expected)) {
    const { dims, magnitude, notFinite } = found[name]!;
    const same = String(dims) === String(wanted.dims) && notFinite === wanted.notFinite && Math.abs(magnitude - wanted.magnitude) <= TOLERANCE * wanted.magnitude + 1e-6;
    if (same) continue;
    const said = ({ dims: size, magnitude: sum, notFinite: odd }: typeof wanted): string => `[${size.join(', ')}], magnitude ${sum.toPrecision(4)}, ${odd} values that are no numbers`;
    throw new RuthError('inference_failed', `the model no longer answers its canary as it did at its start: output ${name} is ${said(found[name]!)}; it was ${said(wanted)}`);
  }
}
