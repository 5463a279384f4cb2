/** Fewer letters say nothing. */
const fewestLetters = 4;

/** Whether more than half of the letters of these texts are of other scripts than Latin. False where there are hardly any letters. */
export function isOtherScript(texts: readonly string[]): boolean {
  let letters = 0;
  let latin = 0;
  for (const text of texts) {
    for (const [letter] of text.matchAll(/\p{L}/gu)) {
      letters++;
      if (/\p{Script=Latin}/u.test(letter)) latin++;
    }
  }
  return letters >= fewestLetters && 2 * latin < letters;
}
