/** Fewer letters say nothing. */
const fewestLetters = 4;
/** Beyond the Latin blocks. Most texts have nothing there, and are looked through once. */
const elsewhere = /[^\u0000-\u024f]/;

/** Whether more than half of the letters of these texts are of other scripts than Latin. False where there are hardly any letters. */
export function isOtherScript(texts: readonly string[]): boolean {
  if (!texts.some((text) => elsewhere.test(text))) return false;
  const count = (pattern: RegExp) => texts.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0);
  const letters = count(/\p{L}/gu);
  return letters >= fewestLetters && 2 * count(/\p{Script=Latin}/gu) < letters;
}
