/* The world of test/support/torn-store-world.ts for SPIN: one statement or d_step is one transition. */
#ifndef PASSES
#define PASSES 1
#endif

byte words[8];
byte buffer[8];
bool torn;

inline take(g) {
  d_step { buffer[2 * g] = words[2 * g]; buffer[2 * g + 1] = words[2 * g + 1] }
}

inline pass() {
  take(0); take(1); take(2);
  d_step {
    buffer[6] = words[6]; buffer[7] = words[7];
    torn = torn || buffer[0] != buffer[1] || buffer[0] != buffer[2] || buffer[0] != buffer[3] ||
      buffer[0] != buffer[4] || buffer[0] != buffer[5] || buffer[0] != buffer[6] || buffer[0] != buffer[7]
  }
}

proctype writer(byte version) {
  words[0] = version; words[1] = version; words[2] = version; words[3] = version;
  words[4] = version; words[5] = version; words[6] = version; words[7] = version;
end:
  false
}

proctype reader() {
  pass();
#if PASSES == 2
  pass();
#endif
end:
  false
}

init {
  atomic { run writer(1); run writer(2); run reader() };
end:
  false
}
