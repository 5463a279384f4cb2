import { clippingFormat } from './clipping-format.ts';
import { carbonFormat, energyFormat } from './energy-format.ts';
import { fairnessFormat } from './fairness-format.ts';
import { entriesByKey, notImplemented, type Format } from './format.ts';
import { minilmFormat } from './minilm-format.ts';
import { nerFormat } from './ner-format.ts';
import { privacyFormat } from './privacy-format.ts';

const accuracyFormat: Format = { name: 'accuracy', isFormat: (json) => 'sets' in json, families: [notImplemented('sets')], entriesOf: entriesByKey() };
const flowerFormat: Format = {
  name: 'flower wire',
  isFormat: (json) => 'protobuf' in json && 'exchange' in json,
  families: ['ids', 'values', 'objects', 'protobuf', 'auth', 'exchange'].map(notImplemented),
  entriesOf: entriesByKey(['exchange_node_id']),
};

/** Every kind of reference file that is known. */
export const formats: readonly Format[] = [privacyFormat, clippingFormat, fairnessFormat, energyFormat, carbonFormat, minilmFormat, nerFormat, accuracyFormat, flowerFormat];
