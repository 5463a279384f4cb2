import { describe, expect, it } from 'vitest';
import { originOf, networkNames } from './network-names.ts';
import { readOptions } from './options.ts';

describe('the command line', () => {
  it('needs nothing', () => {
    expect(readOptions([])).toEqual({
      taskFile: null, rounds: null, epsilon: null, unit: null, project: null, coordinator: null, skew: null, evaluationFile: null, centralNoise: null, seats: 30, isByHand: false, minClients: 3, minReplies: 2, trim: null, serverRate: null, timeoutSeconds: 600, host: null, port: 8443, publicAddress: null, certificate: null, stateFolder: null, isBuilding: true,
    });
  });

  it('knows three units, and a number to map to', () => {
    expect(['row', 'person', 'participant'].map((unit) => readOptions(['--unit', unit, '--project', '32']).unit)).toEqual(['row', 'person', 'participant']);
    expect(readOptions(['--project', '32']).project).toBe(32);
    for (const wrong of [['--unit', 'patient'], ['--unit', ''], ['--project', '1'], ['--project', '2.5']]) expect(() => readOptions(wrong)).toThrow(expect.objectContaining({ code: 'cli/usage', message: expect.stringContaining(wrong[0]!) as string }));
  });

  it('takes what it is given', () => {
    expect(readOptions(['--task', 't.json', '--rounds', '7', '--seats=12', '--by-hand', '--min-clients', '9', '--trim', '1', '--port', '443', '--host', 'pool.example.org', '--cert', 'c', '--key', 'k', '--no-build', '--skew', '0.3', '--evaluate', 'n.csv', '--coordinator', 'St Example'])).toMatchObject({
      taskFile: 't.json', rounds: 7, seats: 12, isByHand: true, minClients: 9, minReplies: 6, trim: 1, port: 443, host: 'pool.example.org', certificate: { cert: 'c', key: 'k' }, isBuilding: false, skew: 0.3, evaluationFile: 'n.csv', coordinator: 'St Example',
    });
  });

  it('puts the address of a proxy into links, as an origin', () => {
    expect(['https://pool.example.org', 'https://Pool.example.org:443/', 'https://[::1]:8443'].map((address) => readOptions(['--public-address', address]).publicAddress)).toEqual(['https://pool.example.org', 'https://pool.example.org', 'https://[::1]:8443']);
    for (const wrong of ['http://pool.example.org', 'pool.example.org', 'https://pool.example.org/bedside', 'https://a:b@pool.example.org', 'https://pool.example.org/?x', 'https://pool.example.org/#x', ''])
      expect(() => readOptions(['--public-address', wrong]), wrong).toThrow(expect.objectContaining({ code: 'cli/usage', message: expect.stringContaining('--public-address') as string }));
  });

  it.each([
    [['--rounds', '0'], '--rounds'], [['--rounds', '2.5'], '--rounds'], [['--rounds', 'many'], '--rounds'], [['--rounds', ''], '--rounds'], [['--seats', '1'], '--seats'], [['--port', '70000'], '--port'], [['--min-clients', '1'], '--min-clients'],
    [['--min-clients', '40'], '--seats'], [['--min-clients', '3', '--min-replies', '4'], '--min-replies'], [['--min-clients', '5', '--trim', '2'], '--trim'], [['--cert', 'c'], '--key'], [['--host', 'two words'], '--host'], [['--host', 'https://x'], '--host'],
    [['--epsilon', '0'], '--epsilon'], [['--epsilon', 'Infinity'], '--epsilon'], [['--timeout', '5'], '--timeout'], [['--skew', '0'], '--skew'], [['--central-noise', '0'], '--central-noise'], [['--central-noise', '1', '--min-clients', '5', '--trim', '1'], '--trim'],
  ])('refuses %j with a sentence that names the option', (args, named) => {
    expect(() => readOptions(args)).toThrow(expect.objectContaining({ code: 'cli/usage', family: 'settings', message: expect.stringContaining(named) as string }));
  });

  it('knows no other options and takes no loose words', () => {
    expect(() => readOptions(['--secret'])).toThrow(TypeError);
    expect(() => readOptions(['start'])).toThrow(TypeError);
  });
});

describe('names of the machine', () => {
  it('an address is listened on alone, a name may belong to what stands in front', () => {
    expect(networkNames('127.0.0.1')).toMatchObject({ shown: '127.0.0.1', listen: '127.0.0.1' });
    expect(networkNames('pool.example.org')).toMatchObject({ shown: 'pool.example.org', listen: undefined });
    expect(networkNames('pool.example.org').all).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', 'pool.example.org']));
    expect(networkNames(null).listen).toBeUndefined();
    expect([originOf('::1', 443), originOf('a.example', 1)]).toEqual(['https://[::1]:443', 'https://a.example:1']);
  });
});
