type Options = readonly (readonly [option: string, what: string])[];

const helpItself = ['--help', 'this list'] as const;

/** What each option of a command does, by the command's name in `npm run`. */
export const optionHelp: Readonly<Record<string, Options>> = {
  train: [
    ['--data FILE', 'table of notes: CSV, TSV or JSON Lines'],
    ['--text COLUMN', 'column that holds the text of a note'],
    ['--label COLUMN', 'column that holds the answer'],
    ['--person COLUMN', 'column that tells people apart; each person is then protected with all their notes'],
    ['--group COLUMN', 'column to compare scores by, as sex or age; may be given several times'],
    ['--test FILE', 'score on this file, instead of on a fifth of the notes that is held out'],
    ['--method NAME', 'head: the last layer (default); lora: adapters too; layers: whole layers, never private; sentences: no training, the label sentences alone'],
    ['--layers NUMBER|all', 'layers from the top that --method layers trains, 2 unless given; all: the whole model, for small ones'],
    ['--balanced', 'help rare labels of a private head: labels are counted, with noise and inside epsilon'],
    ['--two-layers', 'read two layers of the model for a private head: helped with long conversations in public trials, not with short questions'],
    ['--epsilon NUMBER', 'privacy of this run, 3 unless given; smaller protects more; none trains without privacy: the model is then to be treated like the notes'],
    ['--delta NUMBER', 'small allowance beyond epsilon, 0.00001 unless given, less above 10,000 units'],
    ['--limit NUMBER', 'epsilon at which these notes are closed, all runs together; else what the first run set'],
    ['--unit row|person', 'what is protected; person where --person is given, else row'],
    ['--labels FILE', 'JSON with a public sentence for each label: {"LABEL": "sentence"}'],
    ['--max-length NUMBER', 'word pieces of a note that are read, 128 unless given'],
    ['--seed NUMBER', 'seed of the split and the start; privacy noise has none'],
    ['--ledger FILE', 'where charges are kept; else BEDSIDE_LEDGER, or ~/.bedside/ledger.jsonl'],
    ['--model FOLDER', 'base model; else the one that comes with Bedside'],
    ['--out FOLDER', 'where the trained model goes'],
    ['--json', 'print the result as one line of JSON; printed scores, time and energy are exact, for your eyes; released_accuracy is not, and may leave'],
    helpItself,
  ],
  predict: [
    ['--model FOLDER', 'a model that train wrote, or the page saved, unpacked'],
    ['--data FILE', 'table of notes to label'],
    ['--text COLUMN', 'column that holds the text of a note'],
    ['--out FILE', 'where the labelled table goes, notes included; else it is printed'],
    ['--base FOLDER', 'base model that it was trained on; else the one that comes with Bedside'],
    helpItself,
  ],
  sample: [
    ['--labels', 'print the sentences for its labels instead, for the --labels of train'],
    helpItself,
  ],
  model: [
    ['--name NAME', 'name of the model; else that of its folder'],
    ['--origin TEXT', 'where the weights came from, for the model card'],
    ['--into FOLDER', 'where models are kept; else models/'],
    helpItself,
  ],
};

/** The usage and, where the command has options, one line for each. */
export function helpOf(usage: string): string {
  const options = optionHelp[/npm run (?:-s )?([a-z]+)/.exec(usage)?.[1] ?? ''] ?? [];
  const width = Math.max(0, ...options.map(([option]) => option.length));
  return [`Usage: ${usage}`, ...(options.length > 0 ? [''] : []), ...options.map(([option, what]) => `  ${option.padEnd(width)}  ${what}`), ''].join('\n');
}
