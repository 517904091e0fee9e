import { CliWorld } from '../cli/cli-world.ts';

/** A marker comment of a findings page, and what follows it up to the end of its fence or table. */
const block =
  /<!-- (?<kind>picture|verdicts|matrix) (?<file>\S+) (?<rest>[^>]*?) -->\n(?:```text\n(?:.*\n)*?```\n|(?:\|.*\n)*)/g;

/**
 * A findings page with every block made anew: `<!-- picture FILE CASE RULE -->` is followed by the command and the
 * shrunk picture of the first seed that breaks the rule, `<!-- verdicts FILE CASE… -->` by a table of complete searches,
 * `<!-- matrix FILE CASE… -->` by one with a column for each value of the cases' matrix.
 */
export async function remade(page: string): Promise<string> {
  const world = new CliWorld();
  try {
    let text = '';
    let end = 0;
    for (const match of page.matchAll(block)) {
      const { kind, file, rest } = match.groups as { kind: string; file: string; rest: string };
      const names = rest.split(' ').filter((name) => name !== '');
      const body = await blocks[kind as keyof typeof blocks](world, file, names);
      text += `${page.slice(end, match.index)}<!-- ${kind} ${file} ${rest} -->\n${body}`;
      end = match.index + match[0].length;
    }
    return text + page.slice(end);
  } finally {
    world.remove();
  }
}

async function picture(world: CliWorld, file: string, [name = '', rule = '']: readonly string[]): Promise<string> {
  const { results } = await json(world, ['run', file, '--case', name, '--no-shrink', '--jobs', '1']);
  const first = results[0]?.violations.find((violation) => violation.rule === rule)?.first;
  if (first === undefined) throw new Error(`${file} ${name} does not break ${rule}`);
  const command = ['shrink', file, '--case', name, '--seed', first.seed, '--rule', rule];
  const { stdout } = await world.run(command);
  const [, drawn = ''] = stdout.split('\n\n');
  return `\`\`\`text\n$ npx tornread ${command.join(' ')}\n\n${drawn}\n\`\`\`\n`;
}

async function verdicts(world: CliWorld, file: string, names: readonly string[]): Promise<string> {
  const rows: string[] = [];
  for (const name of names) {
    const { results } = await json(world, ['explore', file, '--case', name]);
    for (const { case: found, verdict, complete, states, violations } of results) {
      const rules = violations.map((violation) => violation.rule).join(', ');
      const searched = complete ? `every order, ${states} states` : 'sampled';
      rows.push(`| \`${found}\` | ${verdict}${rules === '' ? '' : `: ${rules}`} | ${searched} |`);
    }
  }
  return ['| case | verdict | searched |', '|---|---|---|', ...rows].map((row) => `${row}\n`).join('');
}

async function matrix(world: CliWorld, file: string, names: readonly string[]): Promise<string> {
  const columns: string[] = [];
  const rows = new Map<string, Map<string, string>>();
  for (const name of names) {
    const { results } = await json(world, ['explore', file, '--case', name]);
    const cells = new Map<string, string>();
    for (const { case: found, verdict, complete } of results) {
      const column = found.slice(name.length + 1);
      if (!columns.includes(column)) columns.push(column);
      cells.set(column, complete ? verdict : 'sampled');
    }
    rows.set(name, cells);
  }
  const lines = [...rows].map(([name, cells]) => [`\`${name}\``, ...columns.map((column) => cells.get(column) ?? '')]);
  const head = ['case', ...columns.map((column) => `\`${column}\``)];
  return [
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

const blocks = { picture, verdicts, matrix };

interface Report {
  readonly results: readonly {
    readonly case: string;
    readonly verdict: string;
    readonly complete: boolean;
    readonly states: number | null;
    readonly violations: readonly { readonly rule: string; readonly first: { readonly seed: string } }[];
  }[];
}

async function json(world: CliWorld, argv: readonly string[]): Promise<Report> {
  const { stdout, stderr } = await world.run([...argv, '--json']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}
