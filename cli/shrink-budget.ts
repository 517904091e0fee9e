/** Seconds a search for a shorter schedule may take where the user says nothing: far more than any shipped case needs. */
export const defaultShrinkTimeS = 5;

/** Asked before each candidate run; true when the time is up. Only a search that never ends otherwise should meet it. */
export function shrinkBudget(seconds: number): () => boolean {
  const endMs = performance.now() + seconds * 1000;
  let asked = 0;
  return () => {
    asked += 1;
    // A candidate takes some 50 us, a look at the clock is not free either.
    return asked % 16 === 0 && performance.now() >= endMs;
  };
}
