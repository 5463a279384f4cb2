import { expect, it } from 'vitest';
import { isOtherScript } from './script.ts';

it('says of texts whether most letters are of other scripts than Latin', () => {
  expect(isOtherScript(['The patient reports chest pain.', 'Überweisung, Größe 1,80 m', 'Điều trị'])).toBe(false);
  expect(isOtherScript(['患者诉胸痛三天，BP 120/80'])).toBe(true);
  expect(isOtherScript(['Пациент жалуется на боль'])).toBe(true);
  expect(isOtherScript(['patient reports chest pain', '胸痛三天'])).toBe(false);
  // Numbers and signs are no letters, and three letters say nothing.
  expect(isOtherScript([])).toBe(false);
  expect(isOtherScript(['120/80', '36.6 °', '痛痛痛'])).toBe(false);
});
