import type { ColumnGuess, Note, RowProblem } from '../../data/table.ts';
import type { DatasetView } from '../../shell/bedside.service.ts';

/** Invented letters in one voice; enough variety for a page to look lived in. */
const openings = ['Thank you for seeing this', 'I reviewed this', 'Many thanks for referring this', 'Seen today, this'];
const subjects = ['58-year-old man with painless jaundice', '34-year-old woman with three weeks of chest tightness', '71-year-old man after a fall at home', '45-year-old woman with a new headache on waking', '63-year-old man with stiff hands every morning'];
const findings = ['Bloods are pending.', 'ECG shows no change.', 'He takes amlodipine 5 mg.', 'Weight down 6 kg since March.', 'No fever, no cough.', 'CT booked for next week.'];
const endings = ['Grateful for your opinion.', 'Please see soon.', 'Happy to continue here.', 'No further review needed.'];

export const fakeLabels = ['Clinic', 'GP', 'No follow-up', 'Urgent'];
const shares = [0.308, 0.409, 0.184, 0.099];

export function fakeNote(index: number): Note {
  const pick = (items: readonly string[], stride: number) => items[(index * stride) % items.length]!;
  const place = ((index * 37) % 100) / 100;
  let label = 0;
  for (let sum = shares[0]!; place >= sum && label < 3; sum += shares[label]!) label += 1;
  return {
    id: index,
    row: index + 2,
    text: `${pick(openings, 3)} ${pick(subjects, 7)}. ${pick(findings, 11)} ${pick(findings, 5)} ${pick(endings, 13)}`,
    label: fakeLabels[label]!,
    person: `P-${String(417 + ((index * 13) % 3902)).padStart(5, '0')}`,
    groups: { Sex: index % 7 < 4 ? 'F' : 'M', 'Age band': ['18–39', '40–64', '65–79', '80+'][index % 4]!, Interpreter: index % 9 === 0 ? 'yes' : 'no' },
  };
}

const guess = (name: string, role: ColumnGuess['role'], code: string, firstValues: readonly string[], distinctCount: number): ColumnGuess => ({ name, role, reason: { code, values: { distinct: distinctCount } }, firstValues, distinctCount });

export const fakeColumns: readonly ColumnGuess[] = [
  guess('Letter', 'text', 'longest-text', [fakeNote(0).text, fakeNote(1).text, fakeNote(2).text], 6161),
  guess('Follow-up', 'label', 'few-values', ['GP', 'Clinic', 'GP', 'No follow-up', 'Urgent'], 4),
  guess('Patient ID', 'person', 'many-rows-per-value', ['P-00417', 'P-00417', 'P-02210'], 3902),
  guess('Sex', 'group', 'group-name', ['F', 'F', 'M'], 3),
  guess('Age band', 'group', 'group-name', ['65–79', '65–79', '18–39'], 4),
  guess('Interpreter', 'group', 'few-values', ['no', 'no', 'yes'], 2),
  guess('Dictated', 'ignore', 'date', ['2025-03-02', '2025-03-09'], 411),
  guess('Typist', 'ignore', 'other', ['JM', 'JM', 'AK'], 9),
];

export const fakeProblems: readonly RowProblem[] = [
  { row: 1482, code: 'column-count', values: { found: 9, expected: 8 }, cells: [] },
  { row: 4990, code: 'unclosed-quote', values: { lastRow: 4994 }, cells: [] },
  ...[2007, 2731, 3314].map((row): RowProblem => ({ row, code: 'missing-label', values: {}, cells: [] })),
  ...[88, 417, 923, 1204].map((row): RowProblem => ({ row, code: 'empty-text', values: {}, cells: [] })),
  ...[612, 613, 1950].map((row): RowProblem => ({ row, code: 'duplicate', values: { firstRow: row - 411 }, cells: [] })),
];

export function fakeDataset(fileName: string, noteCount: number, isSynthetic: boolean): DatasetView {
  const counts = fakeLabels.map((label, index) => ({ label, count: Math.round(noteCount * shares[index]!) }));
  const problemCounts = isSynthetic ? [] : [
    { code: 'column-count' as const, count: 1 }, { code: 'unclosed-quote' as const, count: 1 }, { code: 'missing-label' as const, count: 5 }, { code: 'empty-text' as const, count: 12 }, { code: 'duplicate' as const, count: 41 },
  ];
  return {
    fileName,
    format: 'csv',
    encoding: isSynthetic ? 'utf-8' : 'windows-1252',
    columns: fakeColumns,
    labels: fakeLabels,
    classes: counts,
    rareClasses: isSynthetic ? [] : [{ label: 'Palliative', count: 7 }],
    labelCount: fakeLabels.length,
    rareClassCount: isSynthetic ? 0 : 1,
    groupColumns: ['Sex', 'Age band', 'Interpreter'],
    personColumn: 'Patient ID',
    isSynthetic,
    noteCount,
    personCount: Math.round(noteCount / 1.58),
    firstNotes: Array.from({ length: 20 }, (_, index) => fakeNote(index)),
    problemCount: problemCounts.reduce((sum, item) => sum + item.count, 0),
    problemCounts,
    firstProblems: isSynthetic ? [] : fakeProblems,
  };
}
