import { attentionKeysQuestion } from '../operations/attention/variants.ts';
import { normRowsQuestion } from '../operations/layer-norm/variants.ts';
import { linearTileQuestion } from '../operations/linear/variants.ts';
import type { GpuFeature } from './device.ts';
import { kernelText } from './kernel.ts';
import type { VariantQuestion } from './variant-question.ts';

type AnyQuestion = VariantQuestion<string | number>;

/** Every choice that a device is asked to make; an entry here is all that a new one takes. */
export const variantQuestions = {
  linearTile: linearTileQuestion,
  normRows: normRowsQuestion,
  attentionKeys: attentionKeysQuestion,
};

export type KernelVariants = { readonly [Choice in keyof typeof variantQuestions]: (typeof variantQuestions)[Choice]['candidates'][number] };

/** Those of a device that was not asked. */
export const plainVariants: KernelVariants = { linearTile: linearTileQuestion.candidates[0]!, normRows: normRowsQuestion.candidates[0]!, attentionKeys: attentionKeysQuestion.candidates[0]! };

/** Candidates that compile on a device with these features, in order. */
export function candidatesOn({ candidates, needs }: AnyQuestion, hasFeature: (name: GpuFeature) => boolean): readonly (string | number)[] {
  return candidates.filter((candidate) => {
    const feature = needs?.[candidate];
    return feature === undefined || hasFeature(feature);
  });
}

/** One number for the texts of all kernels that are compared: another text gives another one. FNV-1a, 32 bits. */
export function variantsVersion(questions: Readonly<Record<string, AnyQuestion>> = variantQuestions): number {
  let hash = 0x811c9dc5;
  for (const [choice, question] of Object.entries(questions)) {
    const texts = question.candidates.flatMap((candidate) => [String(candidate), question.needs?.[candidate] ?? '', ...question.kernelsOf(candidate).map(kernelText)]);
    for (const character of [choice, ...texts].join('\n')) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  }
  return hash >>> 0;
}
