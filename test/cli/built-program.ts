import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

interface Settings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The package built into a folder of its own, with its scenarios, to be run as a process. */
export class BuiltProgram {
  readonly folder = mkdtempSync(join(tmpdir(), 'tornread-built-'));

  constructor() {
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    // Type errors are another gate's; what is emitted is what counts here.
    execFileSync(process.execPath, [compiler, '-p', root, '--outDir', join(this.folder, 'dist'), '--noCheck']);
    for (const part of ['package.json', 'scenarios'])
      cpSync(join(root, part), join(this.folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  run(argv: readonly string[], settings: Settings = {}): Promise<Ended> {
    return this.start(argv, settings).ended;
  }

  start(argv: readonly string[], { cwd = this.folder, env = {} }: Settings = {}): Started {
    const child = spawn(process.execPath, [this.path('dist/cli/main.js'), ...argv], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    return { pid: child.pid as number, ended };
  }
}
