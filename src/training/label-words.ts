/** What stands for a label where no sentence was written: its name in lower case, with spaces for underscores. */
export function labelWords(label: string): string {
  return label.toLowerCase().replaceAll('_', ' ').trim() || label;
}

/** The public sentence of each label, in label order. */
export function sentencesOf(labels: readonly string[], sentences: Readonly<Record<string, string>>): string[] {
  return labels.map((label) => sentences[label]?.trim() || labelWords(label));
}
