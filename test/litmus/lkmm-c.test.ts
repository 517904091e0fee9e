import { describe, expect, it } from 'vitest';
import { problemTexts, readTest, threadText } from './instruction-text.ts';

const parameters = 'int *x, u64 *y, int **p, atomic_t *a, atomic64_t *b, spinlock_t *l';

/** One function of the statements, on lines from 5 on. */
function source(...statements: readonly string[]): string {
  return `C T\n{}\nP0(${parameters})\n{ int r0; int r1; u32 u; u64 w; int *q;\n${statements.join('\n')}\n}\nexists (x=0)\n`;
}

function read(...statements: readonly string[]): readonly string[] {
  return threadText(readTest(source(...statements)));
}

describe('a statement in C', () => {
  it.each<[string, ...string[]]>([
    ['r0 = READ_ONCE(*x);', 'r0 = load32 [&x] relaxed', 'r0 = s32(r0)'],
    ['w = READ_ONCE(*y);', 'w = load64 [&y] relaxed'],
    ['r0 = *x;', 'r0 = load32 [&x] relaxed', 'r0 = s32(r0)'],
    ['*x = 1;', 'store32 [&x] = 1 relaxed'],
    ['WRITE_ONCE(*x, 1);', 'store32 [&x] = 1 relaxed'],
    ['WRITE_ONCE(*y, -1);', 'store64 [&y] = -1 relaxed'],
    ['w = smp_load_acquire(y);', 'w = load64 [&y] acquire'],
    ['smp_store_release(x, r0 + 1);', 'store32 [&x] = s32((r0 + 1)) release'],
    ['smp_store_mb(*x, 1);', 'store32 [&x] = 1 relaxed', 'smp_mb'],
    ['q = rcu_dereference(*p);', 'q = load64 [&p] relaxed'],
    ['r0 = READ_ONCE(*q);', 'r0 = load32 [q] relaxed', 'r0 = s32(r0)'],
    ['rcu_assign_pointer(*p, x);', 'store64 [&p] = &x release'],
    ['WRITE_ONCE(*p, x);', 'store64 [&p] = &x relaxed'],
    ['smp_mb();', 'smp_mb'],
    [
      'smp_wmb(); smp_rmb(); dma_wmb(); dma_rmb(); wmb(); rmb(); mb();',
      ...'smp_wmb smp_rmb dma_wmb dma_rmb wmb rmb mb'.split(' '),
    ],
    ['smp_mb__before_atomic(); smp_mb__after_atomic();', 'smp_mb', 'smp_mb'],
    ['smp_mb__after_spinlock();', 'smp_mb__after_spinlock'],
    ['barrier(); rcu_read_lock(); rcu_read_unlock(); ;'],
    ['spin_lock(l); spin_unlock(l);', 'lock [&l]', 'unlock [&l]'],
    ['r0 = spin_is_locked(l);', 'r0 = load32 [&l] relaxed', 'r0 = s32(r0)'],
    ['r0 = spin_trylock(l);', 'r0 = (old == 0); rmw32 [&l] = 1 if 0 acquire/relaxed'],
    // As in the kernel's cmpxchg-fail-ordered-1.litmus.
    ['r7 = cmpxchg(x, 1, 0);', 'r7 = s32(old); rmw32 [&x] = 0 if 1 relaxed/relaxed full'],
    ['w = xchg(y, 1);', 'w = old; rmw64 [&y] = 1 relaxed/relaxed full'],
    ['r0 = xchg_relaxed(x, r0);', 'r0 = s32(old); rmw32 [&x] = r0 relaxed/relaxed'],
    ['w = xchg_acquire(y, 1);', 'w = old; rmw64 [&y] = 1 acquire/relaxed'],
    ['w = xchg_release(y, 1);', 'w = old; rmw64 [&y] = 1 relaxed/release'],
    ['w = cmpxchg(y, 1, 2);', 'w = old; rmw64 [&y] = 2 if 1 relaxed/relaxed full'],
    ['w = cmpxchg_acquire(y, 1, w);', 'w = old; rmw64 [&y] = w if 1 acquire/relaxed'],
    ['r0 = cmpxchg(x, r1, -1);', 'r0 = s32(old); rmw32 [&x] = -1 if u32(r1) relaxed/relaxed full'],
    ['cmpxchg(y, 1, 2);', '(1) = old; rmw64 [&y] = 2 if 1 relaxed/relaxed full'],
    ['r0 = atomic_read(a);', 'r0 = load32 [&a] relaxed', 'r0 = s32(r0)'],
    ['atomic_set(a, 2);', 'store32 [&a] = 2 relaxed'],
    ['atomic_set_release(a, 2);', 'store32 [&a] = 2 release'],
    ['atomic_inc(a);', 'rmw32 [&a] = s32((s32(old) + 1)) relaxed/relaxed'],
    ['atomic_add(r0, a);', 'rmw32 [&a] = s32((s32(old) + r0)) relaxed/relaxed'],
    ['atomic64_andnot(6, b);', 'rmw64 [&b] = (old & (6 ^ -1)) relaxed/relaxed'],
    ['w = atomic64_add_return(2, b);', 'w = (old + 2); rmw64 [&b] = (old + 2) relaxed/relaxed full'],
    ['w = atomic64_fetch_add_acquire(2, b);', 'w = old; rmw64 [&b] = (old + 2) acquire/relaxed'],
    ['w = atomic64_inc_return_relaxed(b);', 'w = (old + 1); rmw64 [&b] = (old + 1) relaxed/relaxed'],
    ['w = atomic64_xchg(b, 1);', 'w = old; rmw64 [&b] = 1 relaxed/relaxed full'],
    ['w = atomic64_cmpxchg_release(b, 1, 2);', 'w = old; rmw64 [&b] = 2 if 1 relaxed/release'],
    ['r0 = atomic64_dec_and_test(b);', 'r0 = ((old - 1) == 0); rmw64 [&b] = (old - 1) relaxed/relaxed full'],
    ['r0 = r1 + 2;', 'r0 = s32((r1 + 2))'],
    ['u = r0;', 'u = u32(r0)'],
    ['w = r0 ^ r0;', 'w = s32((r0 ^ r0))'],
    ['r0 += 2; r0++;', 'r0 = s32((r0 + 2))', 'r0 = s32((r0 + 1))'],
    ['r0 = u < r1;', 'r0 = (u <u u32(r1))'],
    ['r0 = w >= r1;', 'r0 = (r1 <=u w)'],
    ['r0 = !(r1 == 2);', 'r0 = (r1 != 2)'],
    ['r0 = r1 && u;', 'r0 = ((r1 != 0) & (u != 0))'],
    ['r0 = (int)w;', 'r0 = s32(w)'],
    ['r0 = *(x + (r1 ^ r1));', 'r0 = load32 [(&x + (s32((r1 ^ r1)) * 4))] relaxed', 'r0 = s32(r0)'],
    ['q = &*x;', 'q = &x'],
    ['int n = 3, m = n;', 'n = 3', 'm = n'],
    ['int *m = x, n, **o = p;', 'm = &x', 'o = &p'],
    ['WRITE_ONCE(*x, READ_ONCE(*y));', '(1) = load64 [&y] relaxed', 'store32 [&x] = (1) relaxed'],
    ['*x += 1;', '(1) = load32 [&x] relaxed', '(1) = s32((1))', 'store32 [&x] = s32(((1) + 1)) relaxed'],
  ])('%s', (statement, ...expected) => {
    expect(read(statement)).toEqual(expected);
  });

  it('under if is branched over', () => {
    expect(read('if (r0 == 1) { *x = 1; *x = 2; } else *x = 3;', 'r1 = 1;')).toEqual([
      'if (r0 != 1) goto 4',
      'store32 [&x] = 1 relaxed',
      'store32 [&x] = 2 relaxed',
      'if 1 goto 5',
      'store32 [&x] = 3 relaxed',
      'r1 = 1',
    ]);
  });

  it('under else if is branched over twice', () => {
    expect(read('if (READ_ONCE(*y)) r0 = 1; else if (r1) r0 = 2;')).toEqual([
      '(1) = load64 [&y] relaxed',
      'if ((1) == 0) goto 4',
      'r0 = 1',
      'if 1 goto 6',
      'if (r1 == 0) goto 6',
      'r0 = 2',
    ]);
  });

  it('reads what stands right of && only if it has to', () => {
    expect(read('if (r0 && READ_ONCE(*y)) r1 = 1;')).toEqual([
      '(1) = (r0 != 0)',
      'if ((1) == 0) goto 4',
      '(2) = load64 [&y] relaxed',
      '(1) = ((2) != 0)',
      'if ((1) == 0) goto 6',
      'r1 = 1',
    ]);
  });
});

describe('a test in C', () => {
  it('has locations as wide as its parameters say, and comments between and in functions', () => {
    const test = readTest(`C MP

(*
 * Result: Never { "
 *)

{
int *p = z;
x = 1;
}

P0(int *x, int **p) // first
{
  /* stays away */
  WRITE_ONCE(*x, 2);
}

(* between *)
P1(u64 *y, int *z) { int r0; r0 = READ_ONCE(*z); }

exists (1:r0=-1 /\\ p=z) (* last *)
`);
    expect(test.name).toBe('MP');
    expect(test.locations.map(({ name, widthBits }) => `${name} ${widthBits}`)).toEqual([
      'p 64',
      'z 32',
      'x 32',
      'y 64',
    ]);
    expect(test.threads.map(({ instructions }) => instructions.length)).toEqual([1, 2]);
    expect(test.condition).toMatchObject({
      text: 'exists (1:r0=-1 /\\ p=z)',
      proposition: { parts: [{ right: { value: 2n ** 64n - 1n } }, { right: { kind: 'address', location: 1 } }] },
    });
  });
});

describe('what a test in C cannot have', () => {
  it.each<[string, ...string[]]>([
    [
      'while (READ_ONCE(*x)) ;',
      '5:1 "while" is not modelled (loops are not modelled; write the rounds one after the other)',
    ],
    ['goto out;', '5:1 "goto" is not modelled (loops are not modelled; write the rounds one after the other)'],
    ['synchronize_rcu();', '5:1 "synchronize_rcu" is not modelled (grace periods of RCU are not modelled)'],
    [
      'spin_lock_irq(l);',
      '5:1 "spin_lock_irq" is not modelled (of locks there are spin_lock, spin_trylock, spin_is_locked and spin_unlock)',
    ],
    ['smp_md();', '5:1 unknown function "smp_md" (did you mean "smp_mb"?)'],
    ['smp_mb(x);', '5:1 "smp_mb" takes 0 parameters, and has 1 here'],
    ['r0 = smp_mb();', '5:6 "smp_mb" gives no value'],
    ['r2++;', '5:1 unknown variable "r2" (did you mean "r0"?)'],
    ['v = 1;', '5:1 unknown variable "v" (declare it, or make it a parameter of P0)'],
    ['WRITE_ONCE(x, 1);', '5:12 expected a place in memory, such as *x (write *x)'],
    ['r0 = READ_ONCE(r1);', '5:16 expected a place in memory, such as *x'],
    ['r0 = *r1;', '5:7 expected a pointer (declare it as one: "int *p")'],
    ['r0 = x[1];', '5:7 arrays and structures are not modelled'],
    ['r0 = q->next;', '5:7 arrays and structures are not modelled'],
    ['struct foo *f;', '5:1 "struct" types are not modelled'],
    ['r0 = r1 ? 1 : 2;', '5:9 "?" is not modelled (write it as if and else)'],
    ['r0 = r1 / 2;', '5:9 "/" of these operands is not modelled'],
    ['r0 = r1 >> 1;', '5:9 ">>" of these operands is not modelled'],
    ['u64 r0;', '5:5 "r0" is declared with another type above'],
    ['int x;', '5:5 "x" is a parameter already'],
    ['r0 = 1', '6:1 expected ";" after a statement, found "}"'],
    [
      'smp_md(); vw = 1; *x = 1; r0 = READ_ONCE(*z);',
      '5:1 unknown function "smp_md" (did you mean "smp_mb"?)',
      '5:11 unknown variable "vw" (declare it, or make it a parameter of P0)',
      '5:43 unknown variable "z" (declare it, or make it a parameter of P0)',
    ],
  ])('%s', (statement, ...expected) => {
    expect(problemTexts(source(statement))).toEqual(expected);
  });

  it('is a variable in the condition that nobody declares', () => {
    const text = source('r0 = 1;').replace('(x=0)', '(0:r3=0 /\\ 0:r0=1)');
    expect(problemTexts(text)).toEqual(['7:11 P0 has no register or variable "r3" (did you mean "r0"?)']);
  });

  it('is a parameter that is no pointer', () => {
    expect(problemTexts('C T\n{}\nP0(int x) { }\nexists (x=0)\n')).toEqual([
      '3:4 the parameter "x" is no pointer (parameters are the addresses of locations: "int *x")',
    ]);
  });
});
