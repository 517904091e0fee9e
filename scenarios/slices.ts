/** Does work to its end, giving the thread back between its pieces, so that signals are seen. */
export async function inSlices(advance: () => boolean): Promise<void> {
  while (advance()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** The same at one go. */
export function atOnce(advance: () => boolean): void {
  while (advance()) {
    // Nobody to give the thread to.
  }
}
