import { corpusSuite } from '../support/litmus-corpus/corpus-suite.ts';
import { riscv } from '../support/litmus-corpus/riscv.ts';

corpusSuite({
  architecture: 'riscv',
  dialect: riscv,
  model: 'rvwmo',
  wrongModel: 'x86-tso',
  count: 243,
  handWrittenCount: 3,
});
