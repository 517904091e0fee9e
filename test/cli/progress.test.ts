import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CliIo } from '../../cli/io.ts';
import { startProgress } from '../../cli/progress.ts';

class Screen extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function ioOf(stderr: Screen, env: CliIo['env'] = {}): CliIo {
  return { stdout: stderr, stderr, env, interruption: { signal: undefined } };
}

describe('progress', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['stderr is no terminal', false, {}],
    ['in CI', true, { CI: 'true' }],
    ['the terminal is dumb', true, { TERM: 'dumb' }],
  ])('is a line every ten seconds where %s', async (_, isTTY, env) => {
    const screen = new Screen(isTTY);
    const progress = await startProgress(ioOf(screen, env), 24_000);
    progress.update(12_000, 'vtd/x clear-first');
    vi.advanceTimersByTime(9_999);
    expect(screen.text).toBe('');
    vi.advanceTimersByTime(1);
    expect(screen.text).toBe('tornread: 12000 of 24000 runs, vtd/x clear-first\n');
    progress.stop();
    vi.advanceTimersByTime(60_000);
    expect(screen.text.split('\n')).toHaveLength(2);
  });

  it('is a bar on a terminal, and leaves no trace of it', async () => {
    const screen = new Screen(true);
    const progress = await startProgress(ioOf(screen), 100);
    progress.update(40, 'vtd/x clear-first');
    vi.advanceTimersByTime(500);
    expect(screen.text).toContain('40% 40/100 runs, vtd/x clear-first');
    progress.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
