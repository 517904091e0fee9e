import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { main } from '../../cli/command-line.ts';
import type { ExitCode } from '../../cli/exit-codes.ts';
import type { Interruption } from '../../cli/io.ts';
import { type Library, library, type Simulator } from '../../cli/library.ts';

/** A race that about one schedule in a hundred shows, and its fix, on the smallest machine. */
export const raceYaml = `title: PASID entry torn down while the fetcher is reading it
source: made for the tests of the command line
platform:
  memory: sc
  iommu: { model: vtd, fetchOrder: any }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: { stage: first, did: 5, map: { 0x1000: page1 } }
start:
  attach: [{ device: nic, pasid: 1, domain: a }]
tasks:
  teardown: { cpu: 0, flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: $order } }
  traffic: { device: nic, dma: { pasid: 1, iova: 0x1000, repeat: 2 } }
cases:
  clear-first: { order: clear-first, expect: corrupted-entry }
  clear-first-fixed: { order: present-bit-first, expect: holds }
`;

/** Seed of the first run of `clear-first` that tears: which one that is may change with any model. */
export async function findTornSeed(): Promise<string> {
  const world = new CliWorld();
  try {
    const argv = ['run', world.race, '--case', 'clear-first', '--seeds', '5000', '--json'];
    return JSON.parse((await world.run(argv)).stdout).results[0].violations[0].first.seed;
  } finally {
    world.remove();
  }
}

/** The line of {@link raceYaml} in which `clear-first` stands. */
export const caseLine = 15;

export interface Outcome {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with scenario files, and the program run in this process on them. */
export class CliWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'tornread-cli-'));
  readonly race = this.write('scenarios/vtd/race.yaml', raceYaml);

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string | Uint8Array): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async run(argv: readonly string[], settings: RunSettings = {}): Promise<Outcome> {
    const [stdout, stderr] = [new TextSink(), new TextSink()];
    const { interruption = { signal: undefined }, simulator = {} } = settings;
    const planted: Library = {
      ...library,
      simulator: async () => ({ ...(await library.simulator()), ...simulator }),
    };
    const exitCode = await main(argv, { stdout, stderr, env: {}, interruption }, planted);
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }
}

export interface RunSettings {
  readonly interruption?: Interruption;
  /** Parts of the simulator to put others in place of. */
  readonly simulator?: Partial<Simulator>;
}

class TextSink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
