import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    // .ci/run counts from the JSON file; the text above it is for people and may change between versions.
    reporters: ['default', 'json'],
    outputFile: { json: 'node_modules/.cache/vitest.json' },
    testTimeout: 30_000,
    // By itself vitest leaves one core idle: of two that is half of the machine.
    maxWorkers: '100%',
  },
});
