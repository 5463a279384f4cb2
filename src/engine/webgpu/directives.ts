/**
 * Moves `enable …;`, `requires …;` and `diagnostic(…);` to the head of a WGSL module, each once.
 * tfjs puts its own declarations before a kernel's text, where WGSL allows no directive.
 */
export function hoistDirectives(wgsl: string): string {
  const directives = new Set<string>();
  const rest = wgsl.replace(/^[ \t]*(?:enable\s|requires\s|diagnostic\s*\()[^;]*;/gm, (directive) => {
    directives.add(directive.trim());
    return '';
  });
  return directives.size === 0 ? wgsl : `${[...directives].join('\n')}\n${rest}`;
}
