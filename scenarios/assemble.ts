import { assembleRiscv } from './assemble-riscv.ts';
import { assembleVtd } from './assemble-vtd.ts';
import type { AssembledWorld } from './assembly.ts';
import { isRiscv, type World } from './format/schema.ts';

export type { AssembledWorld } from './assembly.ts';

/** Turns the checked contents of one case into a machine. Everything wrong with them was said before. */
export function assemble(world: World, reach: readonly string[]): AssembledWorld {
  return isRiscv(world) ? assembleRiscv(world, reach) : assembleVtd(world, reach);
}
