/** `name`, or where projects have it already, with the first number that none has: "three", "three (2)", "three (3)". */
export function unusedName(name: string, taken: Iterable<string>): string {
  const names = new Set(taken);
  if (!names.has(name)) return name;
  for (let number = 2; ; number++) {
    const numbered = `${name} (${number})`;
    if (!names.has(numbered)) return numbered;
  }
}
