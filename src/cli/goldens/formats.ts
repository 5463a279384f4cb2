import { accuracyFormat } from './accuracy-format.ts';
import { clippingFormat } from './clipping-format.ts';
import { carbonFormat, energyFormat } from './energy-format.ts';
import { fairnessFormat } from './fairness-format.ts';
import { flowerFormat } from './flower-format.ts';
import type { Format } from './format.ts';
import { minilmFormat } from './minilm-format.ts';
import { nerFormat } from './ner-format.ts';
import { privacyFormat } from './privacy-format.ts';

/** Every kind of reference file that is known. */
export const formats: readonly Format[] = [privacyFormat, clippingFormat, fairnessFormat, energyFormat, carbonFormat, minilmFormat, nerFormat, accuracyFormat, flowerFormat];
