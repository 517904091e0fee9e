import { aarch64 } from '../support/litmus-corpus/aarch64.ts';
import { corpusSuite } from '../support/litmus-corpus/corpus-suite.ts';

corpusSuite({
  architecture: 'aarch64',
  dialect: aarch64,
  model: 'armv8',
  wrongModel: 'x86-tso',
  count: 231,
  handWrittenCount: 24,
});
