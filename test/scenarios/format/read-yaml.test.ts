import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../scenarios/format/read-yaml.ts';
import { ScenarioError } from '../../../scenarios/format/scenario-error.ts';
import { entryOf, nodeAt, positionOf, toPlain, type YamlNode } from '../../../scenarios/format/yaml-node.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => readYaml('x.yaml', encode(text)).root;

/** Each mistake as `line:column-endColumn message`, with the hint in brackets. */
function complaints(input: string | Uint8Array): readonly string[] {
  try {
    readYaml('x.yaml', typeof input === 'string' ? encode(input) : input);
  } catch (error) {
    if (error instanceof ScenarioError) {
      return error.diagnostics.map(
        ({ line, column, endColumn, message, hint }) =>
          `${line}:${column}-${endColumn} ${message}${hint === undefined ? '' : ` [${hint}]`}`,
      );
    }
    throw error;
  }
  return [];
}

const scalarAt = (node: YamlNode, ...path: (string | number)[]) => {
  const found = nodeAt(node, path);
  return found?.kind === 'scalar' ? found.value : found?.kind;
};

describe('what is not a scenario file at all', () => {
  it('refuses a file of more than 1 MiB, before looking into it', () => {
    expect(complaints(new Uint8Array(1024 * 1024 + 1))).toEqual([
      '0:0-0 the file has 1048577 bytes; a scenario may have 1048576',
    ]);
  });

  it.each([
    [new Uint8Array([0x61, 0, 0x62]), '0:0-0 not a text file: byte 1 is NUL [a scenario is YAML, saved as UTF-8]'],
    [new Uint8Array([0x61, 0xff]), '0:0-0 not a text file: it is not valid UTF-8 [a scenario is YAML, saved as UTF-8]'],
    [encode('a: 1\nb: x\x1b[2Jx\n'), '2:5-6 "\\u{1b}" is a control character, which YAML does not allow'],
    [encode('a: 1\rb: 2\r'), '1:5-6 "\\u{d}" is a control character, which YAML does not allow'],
  ])('refuses binary %#', (bytes, expected) => {
    expect(complaints(bytes)).toEqual([expected]);
  });

  it.each(['', '\n \n', '# only\n  # comments\n', '\ufeff'])('refuses %j as empty', (text) => {
    expect(complaints(text)).toEqual(['0:0-0 the file is empty: a scenario is a mapping']);
  });

  it.each([
    ['- a\n- b\n', '1:1-4 a scenario is a mapping; this is a list'],
    ['# c\nhello\n', '2:1-6 a scenario is a mapping; this is a single value'],
    ['a: 1\n---\nb: 2\n', '2:1-2 a second YAML document [put each scenario into a file of its own]'],
    ['%YAML 1.1\n---\na: 1\n', '1:1-2 the directive "%YAML 1.1" is not supported [remove the line]'],
  ])('refuses %j', (text, expected) => {
    expect(complaints(text)).toEqual([expected]);
  });

  it('calls a lone document marker empty', () => {
    expect(complaints('---\n')).toEqual(['1:4-4 a scenario is a mapping; this is empty']);
  });
});

describe('what is YAML but not allowed', () => {
  it.each([
    ['a: 1\nb: 2\na: 3\n', '3:1-2 duplicate key "a"; first defined at line 1'],
    ['m: { 0x10: a, 16: b }\n', '1:15-17 duplicate key "16"; first defined at line 1'],
    ['m: { 16: a, "16": b }\n', '1:13-17 duplicate key "16"; first defined at line 1'],
    ['a: &x { b: 1 }\nc:\n  <<: *x\n', '3:3-5 merge keys are not supported [write the keys out]'],
    ['a: !secret b\n', '1:4-11 the tag "!secret" is not supported [quote the value if it has to be text]'],
    ['a: !!binary b\n', '1:4-12 the tag "!!binary" is not supported [quote the value if it has to be text]'],
    ['a: [*b]\n', '1:5-7 no anchor &b before this alias'],
    ['a: &a [*a]\n', '1:8-10 the alias *a stands inside its own anchor'],
    ['[a]: 1\n', '1:1-4 a key must be a single value, not a list'],
    ['a: &x b\n*x : 1\n', '2:1-3 a key must be a single value, not an alias'],
    ['&x a: b\n', '1:4-5 a key cannot have an anchor'],
    ['a: { : b }\n', '1:5-5 a key is missing before ":"'],
    ['a: 1_000\n', '1:4-9 "1_000" has "_" inside a number [write 1000, or quote it if it is text]'],
    ['a: 0x_ff\n', '1:4-9 "0x_ff" has "_" inside a number [write 0xff, or quote it if it is text]'],
    ['a: 010\n', '1:4-7 "010" starts with 0, which some readers take for octal [write 10, or quote it if it is text]'],
    [
      'a: 0b101\n',
      '1:4-9 "0b101" is not a number that every reader understands [write it in decimal or as 0x..., or quote it if it is text]',
    ],
    ['a: 1e999\n', '1:4-9 "1e999" is too large a number [the largest is about 1.8e308]'],
    [
      'a: b: c\n',
      '1:4-5 not valid YAML: Nested mappings are not allowed in compact mappings [put the inner mapping on a line of its own, or quote a value that contains ": "]',
    ],
    ['\ta: 1\n', '1:1-2 not valid YAML: Tabs are not allowed as indentation [indent with spaces]'],
    [
      'title: x\n  iommu: {}\n',
      '1:8-9 not valid YAML: Implicit keys need to be on a single line [is the next line indented too far, or a ":" or a quote missing?]',
    ],
  ])('refuses %j', (text, expected) => {
    expect(complaints(text)).toEqual([expected]);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])('refuses the key %s', (key) => {
    const hint = 'every JavaScript object has a member of this name; choose another name';
    expect(complaints(`a:\n  ${key}: { polluted: 1 }\n`)).toEqual([
      `2:3-${3 + key.length} unknown key "${key}" [${hint}]`,
    ]);
    expect('polluted' in {}).toBe(false);
  });

  it('tells all mistakes of a file at once, from top to bottom', () => {
    expect(complaints('b: 010\na: 1\na: *q\nc: { <<: 1 }\n').map((text) => text.split(' ')[0])).toEqual([
      '1:4-7',
      '3:1-2',
      '3:4-6',
      '4:6-8',
    ]);
  });
});

describe('numbers', () => {
  it.each([
    ['0', 0],
    ['-0', 0],
    ['+7', 7],
    ['-8', -8],
    ['0x1000', 0x1000],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['0xffffffffffffffff', 0xffffffffffffffffn],
    ['0x8000000000000001', 0x8000000000000001n],
    [`0x${'f'.repeat(128)}`, (1n << 512n) - 1n],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1e3', 1000],
    ['"5"', '5'],
    ["'0x10'", '0x10'],
    ['00:02.0', '00:02.0'],
    ['1.2.3', '1.2.3'],
    ['-', 'list'],
    ['yes', 'yes'],
    ['true', true],
    ['False', false],
    ['~', null],
    ['null', null],
    ['', null],
    ['$order', '$order'],
  ])('%s keeps every bit', (source, value) => {
    expect(scalarAt(read(`a: ${source === '-' ? '\n  - 1' : source}\n`), 'a')).toBe(value);
  });

  it('keeps the text of a key and its value', () => {
    const entry = entryOf(nodeAt(read('map: { 0x1000: page1 }\n'), ['map']), '0x1000');
    expect(entry?.keyNode).toEqual({
      kind: 'scalar',
      value: 4096,
      source: '0x1000',
      line: 1,
      column: 8,
      endColumn: 14,
    });
  });
});

describe('positions', () => {
  const text = [
    '# é',
    'title: "a b"',
    'steps:\r',
    '  - store: { at: 0x10, }',
    '    wait: |',
    '      x',
    'none:',
    '',
  ].join('\n');
  const root = read(text);
  it.each([
    [['title'], 'key', '2:1-6'],
    [['title'], 'value', '2:8-13'],
    [['steps'], 'key', '3:1-6'],
    [['steps'], 'value', '4:3-25'],
    [['steps', 0], 'value', '4:5-25'],
    [['steps', 0], 'key', '4:5-25'],
    [['steps', 0, 'store', 'at'], 'key', '4:14-16'],
    [['steps', 0, 'store', 'at'], 'value', '4:18-22'],
    [['steps', 0, 'store', 'size'], 'key', '4:5-10'],
    [['steps', 0, 'wait'], 'value', '5:11-12'],
    [['steps', 7, 'x'], 'value', '4:3-25'],
    [['none'], 'value', '7:6-6'],
    [[], 'key', '2:1-13'],
  ] as const)('%j, the %s, is at %s', (path, part, expected) => {
    const { line, column, endColumn } = positionOf(root, path, part);
    expect(`${line}:${column}-${endColumn}`).toBe(expected);
  });

  it('keeps entries in source order, also number-like keys', () => {
    expect(read('b: 1\n9: 1\na: 1\n1: 1\n').entries.map((entry) => entry.key)).toEqual(['b', '9', 'a', '1']);
  });

  it('gives an alias the position of what it stands for', () => {
    const aliased = read('a: &x { b: 1 }\nc: *x\n');
    expect(nodeAt(aliased, ['c'])).toBe(nodeAt(aliased, ['a']));
  });
});

describe('toPlain', () => {
  it('gives own keys only, without a prototype', () => {
    const plain = toPlain(read('a: [1, { b: ~ }]\n0x10: x\n'));
    expect(Object.getPrototypeOf(plain)).toBe(null);
    expect(JSON.stringify(plain)).toBe('{"a":[1,{"b":null}],"0x10":"x"}');
  });

  it('makes even __proto__ an own key, should one get past the reader', () => {
    const place = { line: 1, column: 1, endColumn: 1 };
    const value = { kind: 'scalar', value: 1, source: '1', ...place } as const;
    const entries = [{ key: '__proto__', keyNode: { ...value, value: '__proto__' }, value }];
    const plain = toPlain({ kind: 'map', entries, ...place });
    expect(Object.keys(plain ?? {})).toEqual(['__proto__']);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});
